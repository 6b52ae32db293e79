import { Injectable } from '@nestjs/common';
import { ThrottleConfig } from '../config/config.js';
import { addressBlock } from '../http/index.js';
import { RedisThrottlerStorage } from './redis-throttler-storage.js';
import { tooManyRequests } from './throttling.problems.js';

/** Milliseconds. */
const WINDOW = 60_000;

/**
 * Credentials that nobody has, counted by where they come from. Who asks is found out before a request is counted, so without this
 * whoever makes up keys would have the database asked for each of them.
 */
@Injectable()
export class CredentialMisses {
  constructor(
    private readonly storage: RedisThrottlerStorage,
    private readonly config: ThrottleConfig,
  ) {}

  /** @throws Problem `too-many-requests` (429) when too many came from there within a minute */
  async check(address: string): Promise<void> {
    const { hits, seconds } = await this.storage.look(keyOf(address));
    if (hits >= this.config.api) throw tooManyRequests('Too many credentials that nobody has.', seconds);
  }

  async add(address: string): Promise<void> {
    await this.storage.increment(keyOf(address), WINDOW, this.config.api);
  }
}

function keyOf(address: string): string {
  return `misses:ip:${addressBlock(address)}`;
}
