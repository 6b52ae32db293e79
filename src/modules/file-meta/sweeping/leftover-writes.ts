import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { toProblem } from '../../../common/problems/index.js';
import { errorChain } from '../../../common/telemetry/error-chain.js';
import { type Leftover, type Volume, Volumes } from '../../storage/index.js';
import { COUNTED_AT_MOST, type SweepStep, type SweepTally } from './sweep-step.js';

/** Milliseconds without a sign of life. A row is there before the first byte, so what has none is nobody's. */
const GRACE = 3_600_000;

/** Keys that are looked up at once. */
const BATCH = 200;

/**
 * Unfinished writes that no row knows: they come to be when the database is restored from a backup. Whole objects that no row knows are not
 * looked for, and never removed: a newer backup may know them.
 */
@Injectable()
export class LeftoverWrites implements SweepStep {
  readonly name = 'leftovers';
  private readonly logger = new Logger('Sweep');

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly volumes: Volumes,
  ) {}

  due(): Promise<SweepTally[]> {
    return this.each(new AbortController().signal, () => Promise.resolve(false));
  }

  sweep(signal: AbortSignal): Promise<SweepTally[]> {
    return this.each(signal, async (volume, leftover) => {
      await volume.leftovers.remove(leftover);
      return true;
    });
  }

  /** @param handle says whether the leftover is gone */
  private async each(
    signal: AbortSignal,
    handle: (volume: Volume, leftover: Leftover) => Promise<boolean>,
  ): Promise<SweepTally[]> {
    const tallies: SweepTally[] = [];
    for (const name of this.volumes.names) {
      if (!signal.aborted) tallies.push(await this.look(this.volumes.get(name), signal, handle));
    }
    return tallies;
  }

  private async look(
    volume: Volume,
    signal: AbortSignal,
    handle: (volume: Volume, leftover: Leftover) => Promise<boolean>,
  ): Promise<SweepTally> {
    const tally = { volume: volume.name, found: 0, removed: 0, bytes: 0 };
    try {
      for await (const leftover of this.nobodys(volume, signal)) {
        tally.found += 1;
        if (await handle(volume, leftover)) tally.removed += 1;
        tally.bytes += leftover.bytes ?? 0;
        // Only a count ends here.
        if (tally.found - tally.removed === COUNTED_AT_MOST) break;
      }
      return tally;
    } catch (error) {
      if (signal.aborted) return tally;
      this.logger.warn(`sweep of leftovers on the volume ${volume.name} put off: ${errorChain(error)}`);
      return { ...tally, problem: toProblem(error).kind.code };
    }
  }

  private async *nobodys(volume: Volume, signal: AbortSignal): AsyncGenerator<Leftover, void> {
    let batch: Leftover[] = [];
    for await (const leftover of volume.leftovers.list(new Date(Date.now() - GRACE), signal)) {
      signal.throwIfAborted();
      batch.push(leftover);
      if (batch.length < BATCH) continue;
      yield* await this.unknown(volume.name, batch);
      batch = [];
    }
    yield* await this.unknown(volume.name, batch);
  }

  private async unknown(volume: string, leftovers: readonly Leftover[]): Promise<Leftover[]> {
    if (leftovers.length === 0) return [];
    const rows = await this.database.query<{ path: string }[]>(
      `SELECT storage_path AS path FROM pending_objects WHERE volume = $1 AND storage_path = ANY ($2::text[])
       UNION ALL SELECT storage_path FROM blob_trash WHERE volume = $1 AND storage_path = ANY ($2::text[])`,
      [volume, leftovers.map(({ key }) => key)],
    );
    const known = new Set(rows.map(({ path }) => path));
    return leftovers.filter(({ key }) => !known.has(key));
  }
}
