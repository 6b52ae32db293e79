import type { ObjectKey } from './object-key.js';

/** What an interrupted write has left. */
export interface Leftover {
  /** Of the object that was to be. */
  readonly key: ObjectKey;
  /** What the volume calls it. */
  readonly id: string;
  /** Where the volume tells. */
  readonly bytes?: number;
}

/**
 * Writes that have not come to an end, found by looking at the volume itself: for what the database knows nothing of, as after the restore
 * of a backup. Whole objects are never among them.
 */
export abstract class Leftovers {
  /**
   * Those to which nothing was added since `before`; what is not ours is left out.
   * @throws AbortError, Problem `dependency-unavailable` (503)
   */
  abstract list(before: Date, signal: AbortSignal): AsyncIterable<Leftover>;

  /** Removes this one and nothing else, least of all the object of that key. One that is not there any more is no error. */
  abstract remove(leftover: Leftover): Promise<void>;
}
