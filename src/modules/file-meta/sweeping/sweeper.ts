import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { alone } from '../../../common/database/index.js';
import { toProblem } from '../../../common/problems/index.js';
import { errorChain } from '../../../common/telemetry/error-chain.js';
import type { SweepStep, SweepTally, SweptStep } from './sweep-step.js';
import { SweepSteps } from './sweep-steps.js';
import { SweepTotals } from './sweep-totals.js';

export interface Swept {
  readonly steps: readonly SweptStep[];
  /** Whether it was ended before all was looked at. */
  readonly more: boolean;
}

/** Any number, the same in every release: it names the lock under which is swept. */
const SWEEP_LOCK = 7_301_944_270;

/** Removes what nothing owns any more, on all volumes, one replica at a time (RULES 6.2). */
@Injectable()
export class Sweeper {
  private readonly logger = new Logger('Sweep');

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly steps: SweepSteps,
    private readonly totals: SweepTotals,
  ) {}

  /**
   * A step that fails is told and tried again by the next sweep; the others go on.
   * @returns undefined when a sweep is at work already, on whichever replica
   * @throws what the database fails with before it has begun
   */
  sweep(signal: AbortSignal): Promise<Swept | undefined> {
    return alone(this.database, SWEEP_LOCK, async (lost) => {
      const end = AbortSignal.any([signal, lost]);
      const began = performance.now();
      const steps = await this.each((step) => step.sweep(end), end);
      this.totals.add(steps);
      this.logger.log({
        msg: 'sweep',
        seconds: Math.round(performance.now() - began) / 1_000,
        more: end.aborted,
        steps: steps.filter(({ found, problem }) => found > 0 || problem !== undefined),
      });
      return { steps, more: end.aborted };
    });
  }

  /** What a sweep would begin with now. Nothing is changed, so a sweep may be at work meanwhile. */
  async look(signal: AbortSignal): Promise<Swept> {
    const steps = await this.each((step) => step.due(), signal);
    return { steps, more: signal.aborted };
  }

  private async each(
    work: (step: SweepStep) => Promise<SweepTally[]>,
    signal: AbortSignal,
  ): Promise<SweptStep[]> {
    const swept: SweptStep[] = [];
    for (const step of this.steps.all()) {
      if (signal.aborted) break;
      const { name } = step;
      try {
        for (const tally of await work(step)) swept.push({ name, ...tally });
      } catch (error) {
        this.logger.warn(`the step ${name} is put off: ${errorChain(error)}`);
        swept.push({ name, found: 0, removed: 0, problem: toProblem(error).kind.code });
      }
    }
    return swept;
  }
}
