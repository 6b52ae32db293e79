/** Milliseconds of a rate that may be saved up for a burst. With `SEND_WITHIN` it makes one second's worth. */
export const BURST = 750;

/** Milliseconds from its turn within which a grant must be used; after that it has lapsed. */
export const SEND_WITHIN = 250;

/** When granted bytes may be sent, as `performance.now()` counts. */
export interface Turn {
  readonly notBefore: number;
  /** The bucket has been filled again by what was not sent until then. */
  readonly notAfter: number;
}

/**
 * A token bucket of rate r and burst b = one second's worth. Whatever is granted is sent within `SEND_WITHIN` of its turn or not at
 * all, and the bucket holds that much less than b: so over any window of t seconds no more than r·t + b is sent, however late
 * timers, answers and threads are.
 */
export abstract class TokenBucket {
  /**
   * Reserves the next `bytes` (at least 1) at `rate` (bytes/s, at least 1). Turns come in the order of the reservations; none is
   * given back.
   * @throws AbortError when `signal` aborts
   */
  abstract take(bytes: number, rate: number, signal: AbortSignal): Promise<Turn>;
}
