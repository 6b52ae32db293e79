import { Inject, Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';
import { bucketTag, type LuaScript, loadLuaScript } from '../../../common/redis/index.js';
import type { TokenBucket } from '../../storage/index.js';
import { UserBucket } from './user-bucket.js';

/** The buckets of users and addresses, each the same for all replicas. */
@Injectable()
export class RedisBuckets {
  private readonly script: LuaScript;

  constructor(@Inject(Redis) redis: Redis) {
    this.script = loadLuaScript(redis, new URL('./take-bandwidth-1.lua', import.meta.url), 'alone');
  }

  /** @param subject such as `user:42` */
  of(subject: string): TokenBucket {
    return new UserBucket(this.script, `bandwidth:${bucketTag(subject)}:${subject}`);
  }
}
