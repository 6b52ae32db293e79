import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failures.js';

/** May go well another time. */
export class Passing extends Failure {
  /** @param after seconds that the service asks to wait; undefined: it does not say */
  constructor(
    message: string,
    readonly after?: number,
  ) {
    super(message);
  }
}

export interface Patience {
  /** Seconds after the last success until it is given up. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  /** Hears of every wait. */
  readonly onWait: (message: string, seconds: number) => void;
}

const FIRST_WAIT = 0.5;
const LONGEST_WAIT = 10;

/**
 * Tries until it goes well: ever more seldom, never sooner than the service asks for, and not in step with others (a service that is back
 * is not met by all of its clients at once).
 * @param attempt throws `Passing` for what is worth another try; told when it has got further, so that what moves is not given up
 */
export async function persistently<T>(
  attempt: (moved: () => void) => Promise<T>,
  { seconds, signal, onWait }: Patience,
): Promise<T> {
  let since = performance.now();
  let wait = FIRST_WAIT;
  for (;;) {
    try {
      return await attempt(() => {
        since = performance.now();
        wait = FIRST_WAIT;
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Passing)) throw error;
      const pause = Math.max(error.after ?? 0, wait * (0.5 + Math.random() / 2));
      if ((performance.now() - since) / 1_000 + pause > seconds) throw error;
      onWait(error.message, pause);
      await sleep(pause * 1_000, undefined, { signal });
      wait = Math.min(LONGEST_WAIT, wait * 2);
    }
  }
}
