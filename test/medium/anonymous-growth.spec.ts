import type { Redis } from 'ioredis';
import { beforeAll, describe, expect, it } from 'vitest';
import { admissionOn, clientAt, downloadBy, endOf, someName } from '../harness/admissions.js';
import { useOwnRedis } from '../harness/own-redis.js';

/** Real: Redis and the scripts. */
describe('what Redis keeps of callers without an account', () => {
  const own = useOwnRedis();
  let redis: Redis;

  beforeAll(() => {
    redis = own.connect();
  });

  const bytesUsed = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);

  it('5,000 downloads of one address, each with another User-Agent: less than 1 KiB each, for a day', async () => {
    const admission = admissionOn(redis);
    const before = await bytesUsed();
    const COUNT = 5_000;
    for (let begun = 0; begun < COUNT; begun += 500) {
      const requests = Array.from({ length: 500 }, () =>
        downloadBy('ip:203.0.113.7', {
          client: clientAt(someName()),
          file: { id: '42', tenantId: '1', size: 1_000, sha256: 'a'.repeat(64) },
        }),
      );
      const verdicts = await Promise.all(requests.map((request) => admission.admit(request)));
      await admission.end(
        requests.map((request, at) => {
          const verdict = verdicts[at];
          return endOf(request, verdict?.kind === 'admitted' ? verdict.downloadId : undefined);
        }),
      );
    }
    const each = ((await bytesUsed()) - before) / COUNT;
    expect(each).toBeGreaterThan(100);
    expect(each).toBeLessThan(1_024);
    const families = new Map<string, number>();
    for await (const keys of redis.scanStream({ count: 1_000 })) {
      const lives = await Promise.all((keys as string[]).map((key) => redis.ttl(key)));
      for (const [at, key] of (keys as string[]).entries()) {
        const family = key.replace(/\{.*/, '');
        families.set(family, (families.get(family) ?? 0) + 1);
        const left = lives[at] ?? 0;
        expect(left, key).toBeGreaterThan(0);
        // Hits are one field a file; places are as many as may be taken.
        if (!/^(?:stats|slots):/.test(key)) expect(left, key).toBeLessThanOrEqual(86_460);
      }
    }
    expect(Object.fromEntries(families)).toMatchObject({ 'download:': COUNT, 'client:': COUNT });
    expect([...families.keys()].toSorted()).toEqual(['client:', 'download:', 'stats:', 'throttle:']);
  });

  it('looks and what is refused keep nothing but a count of a minute', async () => {
    await redis.flushall();
    const admission = admissionOn(redis);
    for (let at = 0; at < 1_000; at += 1) {
      await admission.admit(
        downloadBy('ip:203.0.113.7', { purpose: 'look', rate: { of: 'ip:203.0.113.7', limit: 500 } }),
      );
    }
    const keys = await redis.keys('*');
    expect(keys).toHaveLength(1);
    expect(await redis.pttl(keys[0] ?? '')).toBeLessThanOrEqual(60_000);
  });
});
