/** What a step has found and removed, of one volume where it knows which. */
export interface SweepTally {
  readonly volume?: string;
  /** What nothing owns any more; more may come to light when this is removed. */
  readonly found: number;
  readonly removed: number;
  /** Of what was removed, or in a count of what was found, as far as they are known. */
  readonly bytes?: number;
  /** Code of the problem that keeps the rest where it is until a later sweep. */
  readonly problem?: string;
}

/** A tally with the name of its step. */
export interface SweptStep extends SweepTally {
  readonly name: string;
}

/** One kind of thing that a sweep removes when nothing owns it. Modules above add theirs to `SweepSteps`. */
export interface SweepStep {
  /** For operators: lower-case words with hyphens. */
  readonly name: string;

  /**
   * What `sweep` would begin with now, up to COUNTED_AT_MOST of it. Changes nothing.
   * @throws what the database or a store fails with
   */
  due(): Promise<SweepTally[]>;

  /**
   * Removes it, in batches, until nothing is left or `signal` is aborted: then it ends soon, and what it has begun is done. Two at once,
   * and a kill -9 at any point, do no harm.
   * @returns what was done, also when it was ended or a volume is away
   * @throws what the database fails with
   */
  sweep(signal: AbortSignal): Promise<SweepTally[]>;
}

/** A count of what is to be swept goes no further: it must answer in time, whatever has gathered. */
export const COUNTED_AT_MOST = 10_000;
