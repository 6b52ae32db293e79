import { Inject, Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { Redis } from 'ioredis';
import { type LuaScript, loadLuaScript } from '../redis/lua-script.js';

type Count = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/** Counts on Redis, whose clock is the only one (RULES 2.4): the same for every replica. */
@Injectable()
export class RedisThrottlerStorage implements ThrottlerStorage {
  private readonly throttle: LuaScript;

  constructor(@Inject(Redis) private readonly redis: Redis) {
    this.throttle = loadLuaScript(redis, new URL('./throttle-1.lua', import.meta.url));
  }

  /** Counts nothing. @returns seconds until it begins anew */
  async look(key: string): Promise<{ hits: number; seconds: number }> {
    const name = `throttle:{${key}}`;
    const [hits, left] = await Promise.all([this.redis.get(name), this.redis.pttl(name)]);
    return { hits: Number(hits ?? 0), seconds: Math.max(1, Math.ceil(left / 1_000)) };
  }

  /** @param ttl milliseconds; the times of the answer are seconds, rounded up */
  async increment(key: string, ttl: number, limit: number): Promise<Count> {
    const [hits, left] = (await this.throttle([`throttle:{${key}}`], [ttl])) as [number, number];
    const seconds = Math.ceil(left / 1_000);
    return { totalHits: hits, timeToExpire: seconds, isBlocked: hits > limit, timeToBlockExpire: seconds };
  }
}
