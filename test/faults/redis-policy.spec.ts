import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { useOwnStack } from '../harness/own-stack.js';

describe('Redis with another policy (RULES 2.6)', () => {
  const own = useOwnStack();

  it.each([
    ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
    ['appendonly', 'no', 'yes'],
  ])('%s %s: not ready, and the log says why; set right: ready', async (name, wrong, right) => {
    const redis = new Redis(own.stack.redisUrl);
    const readiness = async (expected: number) => {
      // Asked again at each new connection.
      await redis.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      for (let round = 0; round < 40; round += 1) {
        await sleep(50);
        if ((await own.anonymous.send('/health/ready')).status === expected) return;
      }
      expect((await own.anonymous.send('/health/ready')).status).toBe(expected);
    };
    try {
      await redis.config('SET', name, wrong);
      await readiness(503);
      await redis.config('SET', name, right);
      await readiness(200);
    } finally {
      redis.disconnect();
    }
  });
});
