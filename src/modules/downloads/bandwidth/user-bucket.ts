import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LuaScript } from '../../../common/redis/index.js';
import { BURST, SEND_WITHIN, TokenBucket, type Turn } from '../../storage/index.js';

/** Milliseconds that a transfer waits for a Redis that is away, and between two tries. */
const PATIENCE = 30_000;
const RETRY_AFTER = 250;

/** The bucket of a user, in Redis: of all transfers on all replicas, by Redis time (RULES 2.4). */
export class UserBucket extends TokenBucket {
  /** @param script take-bandwidth-1.lua */
  constructor(
    private readonly script: LuaScript,
    private readonly key: string,
  ) {
    super();
  }

  /** Nothing is granted while Redis is away. @throws what the driver threw last, when it stays away */
  override async take(bytes: number, rate: number, signal: AbortSignal): Promise<Turn> {
    const since = performance.now();
    for (;;) {
      try {
        return await this.reserve(bytes, rate);
      } catch (error) {
        if (performance.now() - since > PATIENCE) throw error;
        await sleep(RETRY_AFTER, undefined, { signal });
      }
    }
  }

  /** Redis looked at its clock after the question and before the answer: both limits are the safe ones. */
  private async reserve(bytes: number, rate: number): Promise<Turn> {
    const asked = performance.now();
    const wait = Number(await this.script([this.key], [bytes, rate, BURST * 1_000])) / 1_000;
    return { notBefore: performance.now() + wait, notAfter: asked + wait + SEND_WITHIN };
  }
}
