import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { isUnavailable, toProblem } from '../../../common/problems/index.js';
import { errorChain } from '../../../common/telemetry/error-chain.js';
import { Volumes } from '../../storage/index.js';
import { BlobMover, type MoveOutcome, type PlacedBlob } from './blob-mover.js';
import { type MoveOrder, MoveRefused } from './move-order.js';
import { MoveProgress } from './move-progress.js';
import { PlacedBlobs, type Placement } from './placed-blobs.js';

/** What became of an order. */
export interface MoveSummary {
  readonly from: string;
  readonly to: string;
  readonly dryRun: boolean;
  /** What there was to move when it began. */
  readonly blobs: number;
  readonly bytes: number;
  readonly moved: number;
  readonly movedBytes: number;
  /** Another place by now, or no blob any more. */
  readonly gone: number;
  /** Left as they are, each told on a line of its own. */
  readonly failed: number;
  readonly seconds: number;
  /** Why it ended before its end. */
  readonly stopped?: string;
}

/** Blobs that are on their way at once: small ones wait for answers most of the time. */
const AT_ONCE = 4;
/** Milliseconds between two lines about the progress. */
const LINE_INTERVAL = 5_000;
/** Milliseconds before a blob is tried again, when a store, PostgreSQL or Redis is away for a moment or its bytes break off. */
const PAUSES = [500, 3_000];

/** Moves the blobs of one volume to another: the operator's command. */
@Injectable()
export class MoveBlobs {
  constructor(
    private readonly volumes: Volumes,
    private readonly blobs: PlacedBlobs,
    private readonly mover: BlobMover,
  ) {}

  /**
   * What cannot be moved stays where it is and is told; what is away for longer ends it, and what was moved stays moved.
   * @param say takes lines for the operator
   * @throws MoveRefused; what the database fails with before anything was done
   */
  async run(order: MoveOrder, say: (line: string) => void, signal: AbortSignal): Promise<MoveSummary> {
    const placement = await this.placementOf(order);
    const summary = await this.blobs.alone(() => this.moveAll(order, placement, say, signal));
    if (summary === undefined) throw new MoveRefused('another process is moving blobs already');
    return summary;
  }

  private async placementOf({ from, to, tenant, limit }: MoveOrder): Promise<Placement> {
    for (const name of [from, to]) {
      if (this.volumes.find(name) === undefined)
        throw new MoveRefused(
          `there is no volume "${name}" in the configuration, only ${this.volumes.names.join(', ')}`,
        );
    }
    if (from === to) throw new MoveRefused('--from and --to name the same volume');
    const tenantId = tenant === undefined ? undefined : await this.blobs.tenantOf(tenant);
    if (tenant !== undefined && tenantId === undefined)
      throw new MoveRefused(`there is no tenant with the slug "${tenant}"`);
    return { volume: from, tenantId, limit };
  }

  private async moveAll(
    { from, to, dryRun }: MoveOrder,
    placement: Placement,
    say: (line: string) => void,
    signal: AbortSignal,
  ): Promise<MoveSummary> {
    const total = await this.blobs.count(placement);
    const progress = new MoveProgress(total);
    const counts = { gone: 0, failed: 0 };
    const tell = (blob: PlacedBlob, outcome: MoveOutcome): void => {
      if (outcome === 'moved') progress.add(blob.size);
      else if (outcome === 'gone') counts.gone += 1;
      else {
        counts.failed += 1;
        say(`blob ${blob.id} of tenant ${blob.tenantId} at ${blob.volume}/${blob.objectKey}: ${outcome}`);
      }
    };
    let stopped: string | undefined;
    if (!dryRun) {
      const timer = setInterval(() => {
        say(progress.line());
      }, LINE_INTERVAL);
      stopped = await this.moveEach(this.blobs.list(placement), to, tell, signal);
      clearInterval(timer);
      say(progress.line());
    }
    return {
      from,
      to,
      dryRun,
      ...total,
      moved: progress.done.blobs,
      movedBytes: progress.done.bytes,
      ...counts,
      seconds: Math.round(progress.seconds() * 10) / 10,
      ...(stopped !== undefined && { stopped }),
    };
  }

  /** @returns why it ended early */
  private async moveEach(
    blobs: AsyncGenerator<PlacedBlob, void>,
    to: string,
    tell: (blob: PlacedBlob, outcome: MoveOutcome) => void,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const failure = new AbortController();
    const end = AbortSignal.any([signal, failure.signal]);
    let stopped: string | undefined;
    const worker = async (): Promise<void> => {
      try {
        for await (const blob of untilAborted(blobs, end)) tell(blob, await this.moveOne(blob, to, end));
      } catch (error) {
        if (!end.aborted) stopped = errorChain(toProblem(error));
        failure.abort();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return signal.aborted ? 'interrupted' : stopped;
  }

  private async moveOne(blob: PlacedBlob, to: string, signal: AbortSignal): Promise<MoveOutcome> {
    for (let attempt = 0; ; attempt += 1) {
      const pause = PAUSES[attempt];
      try {
        const outcome = await this.mover.move(blob, to, signal);
        if (outcome !== 'unreadable' || pause === undefined) return outcome;
      } catch (error) {
        if (pause === undefined || signal.aborted || !isUnavailable(toProblem(error))) throw error;
      }
      await sleep(pause, undefined, { signal });
    }
  }
}

/** One generator feeds all workers: each gets the next blob that none has. */
async function* untilAborted<T>(
  source: AsyncGenerator<T, void>,
  signal: AbortSignal,
): AsyncGenerator<T, void> {
  while (!signal.aborted) {
    const next = await source.next();
    if (next.done === true) return;
    yield next.value;
  }
}
