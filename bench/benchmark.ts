import type { Stack } from '../scripts/stack/start-stack.mjs';

/** One row of the table: a candidate against a baseline, measured in turn in the same run. */
export interface Benchmark {
  /** As on the command line. */
  readonly name: string;
  /** What the ratio is a fraction of, in one line: candidate ÷ baseline. */
  readonly ratio: string;
  /** Of the figures that a round gives. */
  readonly unit: string;
  /** What the median of the ratios must reach; without it the row is only recorded. */
  readonly goal?: Goal;
  /** Measured rounds of each side, at least 5; a few before them warm up and are thrown away. */
  readonly rounds: number;
  /** Puts both sides in place and finds out, before anything is measured, that each does what it is compared for. */
  readonly prepare: (setting: Setting) => Promise<Pair>;
}

/** `atLeast` for figures of which more is better (requests/s), `atMost` for the others (a latency). */
export type Goal = { readonly atLeast: number } | { readonly atMost: number };

/** What a row is given. */
export interface Setting {
  /** Real PostgreSQL, Redis, nginx and the built application; shared with the other rows of the run. */
  readonly stack: Stack;
  /** Absolute, empty and this row's own; removed after it. */
  readonly folder: string;
  /** Ends with the run: handed to everything that takes time. */
  readonly signal: AbortSignal;
  /** `end` runs when the row is over, however it ended; the one given last runs first. */
  readonly onEnd: (end: () => Promise<void>) => void;
}

/** The two sides. They differ in what is compared and in nothing else: same client, same settings, same machine. */
export interface Pair {
  readonly candidate: Round;
  readonly baseline: Round;
  /** Called after the last round: remarks for the record. Rejects when something that the row rests on did not hold. */
  readonly remarks?: () => Promise<readonly string[]>;
}

/**
 * Measures one side for a few seconds: a figure above 0. Rejects when any request of the round was answered other than
 * meant, or not to its end: such a round is an error, never a figure.
 */
export type Round = () => Promise<number>;
