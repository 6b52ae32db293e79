import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';

export interface OwnRedis {
  readonly stack: Stack;
  /** Another connection to the same server, as another replica has it; closed when the suite is over. */
  connect(): Redis;
}

/** A Redis that the suite may hurt, and nothing else. */
export function useOwnRedis(): OwnRedis {
  const connections: Redis[] = [];
  let dataDir: string;
  const own = {
    connect: () => {
      const redis = new Redis(own.stack.redisUrl, { lazyConnect: false });
      redis.on('error', () => undefined);
      connections.push(redis);
      return redis;
    },
  } as unknown as { -readonly [K in keyof OwnRedis]: OwnRedis[K] };
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'download-service-redis-'));
    own.stack = await startStack({ dataDir, durable: false, parts: ['redis'] });
  });
  afterAll(async () => {
    for (const redis of connections) redis.disconnect();
    await own.stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  return own;
}
