import { Inject, Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';
import { hashOfEmail } from '../accounts/email.js';

/** Seconds after the last wrong password until an account is answered at once again. */
const FORGOTTEN_AFTER = 900;

/** Key `login-failures:{<hash of the address>}`: wrong passwords in a row, for accounts that exist and those that do not. */
@Injectable()
export class RedisLoginFailures {
  constructor(@Inject(Redis) private readonly redis: Redis) {}

  /** @param email normalised */
  async count(email: string): Promise<number> {
    return Number((await this.redis.get(keyOf(email))) ?? 0);
  }

  async add(email: string): Promise<void> {
    await this.redis.multi().incr(keyOf(email)).expire(keyOf(email), FORGOTTEN_AFTER).exec();
  }

  async forget(email: string): Promise<void> {
    await this.redis.unlink(keyOf(email));
  }
}

function keyOf(email: string): string {
  return `login-failures:{${hashOfEmail(email)}}`;
}
