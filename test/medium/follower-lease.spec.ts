import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';
import { LEASE_TTL, RedisFollowerLease } from '../../src/modules/downloads/transfers/redis-follower-lease.js';
import { RedisTransferReports } from '../../src/modules/downloads/transfers/redis-transfer-reports.js';
import { admissionOn } from '../harness/admissions.js';

/** The scripts, on real Redis. */
describe('the lease of the replica that follows the log', () => {
  const LOG = '/var/log/nginx/access.log';
  const POSITION = { time: 1, files: [{ first: 'a', offset: 10 }] };
  let stack: Stack;
  let dataDir: string;
  let redis: Redis;
  let one: RedisFollowerLease;
  let other: RedisFollowerLease;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'follower-lease-'));
    stack = await startStack({ dataDir, parts: ['redis'] });
    redis = new Redis(stack.redisUrl);
  });
  beforeEach(async () => {
    await redis.flushall();
    [one, other] = [new RedisFollowerLease(redis), new RedisFollowerLease(redis)];
  });
  afterAll(async () => {
    redis.disconnect();
    await stack.stop();
    await rm(dataDir, { recursive: true });
  });

  it('is held by one, and renewed by that one alone', async () => {
    expect(await Promise.all([one.hold(LOG), other.hold(LOG)])).toEqual([true, false]);
    await sleep(LEASE_TTL * 0.75);
    expect(await other.hold(LOG)).toBe(false);
    expect(await one.hold(LOG)).toBe(true);
    await sleep(LEASE_TTL * 0.75);
    expect(await other.hold(LOG)).toBe(false);
    await sleep(LEASE_TTL * 0.5);
    expect(await other.hold(LOG)).toBe(true);
    expect(await one.hold(LOG)).toBe(false);
  });

  it('another log has another', async () => {
    expect(await one.hold(LOG)).toBe(true);
    expect(await other.hold('/other/access.log')).toBe(true);
  });

  it('is given up by its holder alone', async () => {
    await one.hold(LOG);
    await other.release(LOG);
    expect(await other.hold(LOG)).toBe(false);
    await one.release(LOG);
    expect(await other.hold(LOG)).toBe(true);
  });

  it('without it nobody moves the position', async () => {
    expect(await one.advance(LOG, POSITION)).toBe(false);
    expect(await one.position(LOG)).toBeUndefined();
    await one.hold(LOG);
    expect(await one.advance(LOG, POSITION)).toBe(true);
    expect(await other.advance(LOG, { time: 2, files: [] })).toBe(false);
    expect(await other.position(LOG)).toEqual(POSITION);
  });

  it('all its keys have one slot of a cluster, and end', async () => {
    await one.hold(LOG);
    await one.advance(LOG, POSITION);
    const keys = await redis.keys('*');
    expect(keys).toHaveLength(2);
    expect(new Set(keys.map((key) => /\{.*?\}/.exec(key)?.[0])).size).toBe(1);
    for (const key of keys) expect(await redis.pttl(key)).toBeGreaterThan(0);
  });

  it('a sign of life is kept by the time of Redis, the last one of each', async () => {
    const reports = new RedisTransferReports(redis, admissionOn(redis));
    await reports.alive('a');
    await reports.alive('b');
    const first = Number(await redis.zscore('nginx:instances', 'a'));
    await sleep(20);
    await reports.alive('a');
    const [seconds = '0', micros = '0'] = (await redis.time()).map(String);
    const now = Number(seconds) * 1_000 + Number(micros) / 1_000;
    const last = Number(await redis.zscore('nginx:instances', 'a'));
    expect(last).toBeGreaterThanOrEqual(first + 20);
    expect(last).toBeLessThanOrEqual(now);
    expect(now - last).toBeLessThan(1_000);
    expect(await redis.zcard('nginx:instances')).toBe(2);
  });
});
