import { Injectable } from '@nestjs/common';
import { type Actor, AuditTrail } from '../../auth/index.js';
import { Sweeper } from './sweeper.js';
import { sweepRunning } from './sweeping.problems.js';
import type { SweepDto } from './sweep.dto.js';

/** Milliseconds of one request: proxies wait for an answer for a minute, and a store that hangs takes up to 20 s of it. */
const PATIENCE = 20_000;

/** The sweep for operators who will not wait for the next one. */
@Injectable()
export class SweepService {
  constructor(
    private readonly sweeper: Sweeper,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * @throws Problem `sweep-running` (409) while another sweep is at work, `dependency-unavailable` (503)
   */
  async sweep(dryRun: boolean, actor: Actor, client: AbortSignal): Promise<SweepDto> {
    const end = AbortSignal.any([client, AbortSignal.timeout(PATIENCE)]);
    const swept = dryRun ? await this.sweeper.look(end) : await this.sweeper.sweep(end);
    if (swept === undefined) throw sweepRunning();
    const { steps, more } = swept;
    await this.audit.note({
      ...actor,
      action: 'storage.sweep',
      outcome: 'ok',
      detail: { dryRun, more, steps: steps.filter(({ found }) => found > 0) },
    });
    return { dryRun, more, steps: [...steps] };
  }
}
