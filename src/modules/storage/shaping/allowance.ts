import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { SEND_WITHIN, type TokenBucket, type Turn } from './token-bucket.js';

/** Takes a second of one bucket, at most, however many transfers share it. */
const TAKES_PER_SECOND = 20;

/** Bytes of a take: at first, at least and at most. */
const FIRST = 64 * 1024;
const LEAST = 1024;
const MOST = 4 * 2 ** 20;

/** Milliseconds; a transfer that has used its grant sooner can use more. Half of what then suffices for twice as much. */
const QUICKLY = SEND_WITHIN / 4;

const LONGEST_SLEEP = 60_000;

/** Bytes per second at this moment; 0: as fast as it goes. Asked at each take, so that a change reaches running transfers. */
export type Rate = () => number | Promise<number>;

/**
 * What one transfer may send. It takes a twentieth of a second's worth at a time; less when its reader is too slow to use that
 * before it lapses, so that it does not take from the others what it cannot send.
 */
export class Allowance {
  private turn: Turn = { notBefore: -Infinity, notAfter: -Infinity };
  private left = 0;
  private used = 0;
  private quantum = FIRST;

  constructor(
    private readonly bucket: TokenBucket,
    private readonly rate: Rate,
  ) {}

  /**
   * Waits until some of `wanted` bytes may be sent: at once, or not at all.
   * @returns how many, at least 1
   * @throws AbortError when `signal` aborts
   */
  async spend(wanted: number, signal: AbortSignal): Promise<number> {
    while (this.left === 0 || performance.now() > this.turn.notAfter) {
      const rate = await this.rate();
      if (rate <= 0) return wanted;
      this.adapt();
      const bytes = Math.min(this.quantum, Math.ceil(rate / TAKES_PER_SECOND));
      this.turn = await this.bucket.take(bytes, rate, signal);
      this.left = bytes;
      this.used = 0;
      await until(this.turn.notBefore, signal);
    }
    const spent = Math.min(wanted, this.left);
    this.left -= spent;
    this.used += spent;
    return spent;
  }

  private adapt(): void {
    // The first time, or none of it was used because this process was late: that says nothing of the reader.
    if (this.used === 0) return;
    if (this.left > 0) this.quantum = Math.max(LEAST, Math.ceil(this.used / 2));
    else if (performance.now() - this.turn.notBefore < QUICKLY)
      this.quantum = Math.min(MOST, this.quantum * 2);
  }
}

/** A timer may fire early, by the age of the event loop's clock. */
async function until(moment: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  for (;;) {
    const missing = moment - performance.now();
    if (missing <= 0) return;
    await sleep(Math.min(Math.ceil(missing), LONGEST_SLEEP), undefined, { signal });
  }
}
