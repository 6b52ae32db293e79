import { performance } from 'node:perf_hooks';
import { BURST, SEND_WITHIN, TokenBucket, type Turn } from './token-bucket.js';

/** A bucket of this process, for one transfer. */
export class LocalBucket extends TokenBucket {
  /** When the bucket was or will be empty, by `performance.now()`. */
  private empty = -Infinity;

  override take(bytes: number, rate: number): Promise<Turn> {
    const now = performance.now();
    this.empty = Math.max(this.empty, now - BURST) + (bytes * 1_000) / rate;
    const notBefore = Math.max(now, this.empty);
    return Promise.resolve({ notBefore, notAfter: notBefore + SEND_WITHIN });
  }
}
