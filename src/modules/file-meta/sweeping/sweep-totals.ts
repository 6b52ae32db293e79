import { Injectable } from '@nestjs/common';
import type { SweptStep } from './sweep-step.js';

/** Of one step on one volume, since this process has started. */
export interface SweepTotal {
  readonly name: string;
  readonly volume: string | undefined;
  removed: number;
  bytes: number;
  /** Sweeps in which it was put off, whole or in part. */
  failures: number;
}

/** What the sweeps of this process have done so far, for whoever counts: it only grows. */
@Injectable()
export class SweepTotals {
  private readonly totals = new Map<string, SweepTotal>();
  private count = 0;

  /** Sweeps that have come to their end. */
  get sweeps(): number {
    return this.count;
  }

  add(steps: readonly SweptStep[]): void {
    this.count += 1;
    for (const { name, volume, removed, bytes = 0, problem } of steps) {
      const key = `${name} ${volume ?? ''}`;
      const total = this.totals.get(key) ?? { name, volume, removed: 0, bytes: 0, failures: 0 };
      total.removed += removed;
      total.bytes += bytes;
      if (problem !== undefined) total.failures += 1;
      this.totals.set(key, total);
    }
  }

  all(): readonly Readonly<SweepTotal>[] {
    return [...this.totals.values()];
  }
}
