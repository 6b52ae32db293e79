import { StoreAway, StoreError } from './store-problems.js';

/** Requests that have failed since the last answer, and milliseconds in which none came, after which nobody is sent any more. */
const FAILURES = 5;
const SILENCE = 1_000;
/** Milliseconds. */
const OPEN_FOR = 2_000;

/**
 * Keeps requests from waiting, one after the other, for a store that is away. Opens for seconds; then one request tries, and
 * closes it when it is answered. Only whether requests are answered counts, not how their bodies end: a node of a cluster that
 * dies cuts many transfers at once, while the others serve.
 */
export class Circuit {
  private failures = 0;
  /** When the first of them was sent. */
  private failing = 0;
  private answered = 0;
  private openUntil = 0;
  private trying = false;
  /** The newest failure: why nobody is sent. */
  private cause: StoreAway | undefined;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Whether the next request is the one by which the store is tried. */
  get suspects(): boolean {
    return this.openUntil > 0;
  }

  /** @throws StoreAway at once while it is open; what `work` throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const trial = this.openUntil > 0;
    if (trial && (this.trying || this.now() < this.openUntil)) {
      throw new StoreAway('the store has been away a moment ago', { acted: false, cause: this.cause });
    }
    this.trying ||= trial;
    const sent = this.now();
    try {
      const result = await work();
      this.close();
      return result;
    } catch (error) {
      // An answer is an answer, even one that says no. A request that was given up says nothing.
      if (error instanceof StoreError) this.close();
      else if (error instanceof StoreAway) this.fail(sent, trial, error);
      throw error;
    } finally {
      if (trial) this.trying = false;
    }
  }

  private close(): void {
    this.failures = 0;
    this.openUntil = 0;
    this.answered = this.now();
  }

  private fail(sent: number, trial: boolean, error: StoreAway): void {
    this.cause = error;
    // Another request that was sent later has been answered.
    if (sent < this.answered) return;
    if (this.failures === 0 || sent < this.failing) this.failing = sent;
    this.failures += 1;
    if (trial || (this.failures >= FAILURES && this.now() - this.failing >= SILENCE)) {
      this.openUntil = this.now() + OPEN_FOR;
    }
  }
}
