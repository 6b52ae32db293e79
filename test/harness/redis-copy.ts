import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Stack } from '../../scripts/stack/start-stack.mjs';

/** What the Redis of a stack held at some time, as a copy of its disk keeps it. */
export class RedisCopy {
  private constructor(
    private readonly stack: Stack,
    private readonly folder: string,
  ) {}

  /** Redis is started anew. */
  static async take(stack: Stack): Promise<RedisCopy> {
    const copy = new RedisCopy(stack, join(stack.dataDir, 'redis-copy'));
    const redis = new Redis(stack.redisUrl);
    await redis.bgrewriteaof();
    redis.disconnect();
    await stack.redis?.stop();
    await rm(copy.folder, { recursive: true, force: true });
    await cp(copy.live, copy.folder, { recursive: true });
    await stack.redis?.start();
    return copy;
  }

  /** From here on Redis has what it had then. */
  async restore(): Promise<void> {
    await this.stack.redis?.stop();
    await rm(this.live, { recursive: true });
    await cp(this.folder, this.live, { recursive: true });
    await this.stack.redis?.start();
  }

  private get live(): string {
    return join(this.stack.dataDir, 'redis');
  }
}
