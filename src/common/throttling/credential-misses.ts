import { Injectable } from '@nestjs/common';
import { ThrottleConfig } from '../config/config.js';
import { addressBlock } from '../http/index.js';
import { RedisThrottlerStorage } from './redis-throttler-storage.js';
import { tooManyRequests } from './throttling.problems.js';

/** Milliseconds. */
const WINDOW = 60_000;

/** What was tried: each kind is counted for itself. `token-miss`: download tokens. */
export type MissClass = 'api-key-miss' | 'token-miss';

interface MissRule {
  /** Of the counters' keys. */
  readonly family: string;
  readonly limit: (config: ThrottleConfig) => number;
  readonly refusal: string;
}

const RULES: Readonly<Record<MissClass, MissRule>> = {
  'api-key-miss': {
    family: 'misses',
    limit: ({ api }) => api,
    refusal: 'Too many credentials that nobody has.',
  },
  'token-miss': {
    family: 'token-misses',
    limit: ({ tokenMisses }) => tokenMisses,
    refusal: 'Too many download tokens that do not open what they were sent for.',
  },
};

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
  async check(tried: MissClass, address: string): Promise<void> {
    const { hits, seconds } = await this.storage.look(keyOf(tried, address));
    if (hits >= this.limitOf(tried)) throw tooManyRequests(RULES[tried].refusal, seconds);
  }

  async add(tried: MissClass, address: string): Promise<void> {
    await this.storage.increment(keyOf(tried, address), WINDOW, this.limitOf(tried));
  }

  private limitOf(tried: MissClass): number {
    return RULES[tried].limit(this.config);
  }
}

function keyOf(tried: MissClass, address: string): string {
  return `${RULES[tried].family}:ip:${addressBlock(address)}`;
}
