import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Part } from '../../scripts/stack/part.mjs';
import { startStack } from '../../scripts/stack/start-stack.mjs';
import { useOwnStack } from '../harness/own-stack.js';

async function until(holds: () => Promise<boolean>, seconds = 10): Promise<void> {
  const deadline = performance.now() + seconds * 1_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s`);
    await sleep(20);
  }
}

/** Real: everything; two replicas of the built application beside one nginx. */
describe('the application that follows the log of its nginx', () => {
  const own = useOwnStack({}, { replicas: 2 });
  let redis: Redis;
  beforeAll(() => {
    redis = new Redis(own.stack.redisUrl);
  });
  afterAll(() => {
    redis.disconnect();
  });

  const logOf = (app: Part): Promise<string> => readFile(app.tellingLogs[0] ?? '', 'utf8');
  const follows = async (app: Part): Promise<number> =>
    (await logOf(app)).split(`follows ${own.stack.env.NGINX_ACCESS_LOG ?? ''}`).length - 1;
  const instances = (): Promise<string[]> => redis.zrange('nginx:instances', 0, -1);
  const holder = async (): Promise<string | null> => {
    const [key = ''] = await redis.keys('transfers:follower:*');
    return redis.get(key);
  };

  it('one of two replicas, by the time of Redis', async () => {
    await until(async () => (await instances()).length === 1);
    const [instance = ''] = await instances();
    expect(instance).toMatch(/^[0-9a-f]{32}$/);
    const [seconds] = (await redis.time()) as unknown as [string];
    expect(
      Math.abs(Number(await redis.zscore('nginx:instances', instance)) / 1_000 - Number(seconds)),
    ).toBeLessThan(4);
    const counts = await Promise.all(own.stack.apps.map(follows));
    expect(counts.sort()).toEqual([0, 1]);
    const keys = await redis.keys('transfers:*');
    expect(keys.sort()).toEqual([
      expect.stringMatching(/^transfers:follower:\{.+\/nginx\/access\.log\}$/),
      expect.stringMatching(/^transfers:position:\{.+\/nginx\/access\.log\}$/),
    ]);
    for (const key of keys) expect(await redis.pttl(key)).toBeGreaterThan(0);
  });

  it('SIGTERM of the one that reads: the other goes on at once', async () => {
    const before = await holder();
    const counts = await Promise.all(own.stack.apps.map(follows));
    const reader = own.stack.apps[counts.indexOf(1)];
    const other = own.stack.apps[counts.indexOf(0)];
    if (reader === undefined || other === undefined) throw new Error('nobody reads');
    const stopped = reader.stop();
    await until(async () => (await follows(other)) === 1, 2);
    expect(await holder()).not.toBe(before);
    await stopped;
    await reader.start();
  });

  it('another life of nginx is another instance', async () => {
    const before = await instances();
    await own.stack.nginx?.stop();
    await own.stack.nginx?.start();
    await until(async () => (await instances()).length === before.length + 1);
  });

  it.each([
    ['accel', 1],
    ['stream', 0],
  ])('without a log, and a volume delivered by %s: %i warnings', async (delivery, warnings) => {
    const alone = await startStack({
      dataDir: `${own.stack.dataDir}/alone-${delivery}`,
      parts: ['app'],
      databaseUrl: own.stack.databaseUrl,
      redisUrl: own.stack.redisUrl,
      env: {
        VOLUMES: JSON.stringify([{ name: 'files', driver: 'fs', root: own.stack.dataDir, delivery }]),
        DEFAULT_VOLUME: 'files',
        JWT_SECRET_FILE: own.stack.env.JWT_SECRET_FILE,
      },
    });
    try {
      const [app] = alone.apps;
      if (app === undefined) throw new Error('there is no application');
      const lines = (await logOf(app))
        .split('\n')
        .filter((line) => line.includes('NGINX_ACCESS_LOG is not set'));
      expect(lines).toHaveLength(warnings);
      for (const line of lines) expect(line).toContain('(volumes: files)');
    } finally {
      await alone.stop();
    }
  });
});
