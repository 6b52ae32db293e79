import { StoreAway } from './store-problems.js';

/** Failures in a row after which nobody is sent to the store for a while. */
const FAILURES = 5;
/** Milliseconds. */
const OPEN_FOR = 2_000;

/**
 * Keeps requests from waiting, one after the other, for a store that is away. Opens for seconds; then one request tries, and
 * closes it when it succeeds.
 */
export class Circuit {
  private failures = 0;
  private openUntil = 0;
  private trying = false;

  constructor(private readonly now: () => number = Date.now) {}

  /** @throws StoreAway at once while it is open; what `work` throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const trial = this.failures >= FAILURES;
    if (trial && (this.trying || this.now() < this.openUntil)) {
      throw new StoreAway('the store has been away a moment ago');
    }
    if (trial) this.trying = true;
    try {
      const result = await work();
      this.failures = 0;
      return result;
    } catch (error) {
      // An answer is an answer, even one that says no.
      if (!(error instanceof StoreAway)) this.failures = 0;
      else if ((this.failures += 1) >= FAILURES) this.openUntil = this.now() + OPEN_FOR;
      throw error;
    } finally {
      if (trial) this.trying = false;
    }
  }
}
