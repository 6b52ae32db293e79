import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { toProblem } from '../../../common/problems/index.js';
import { errorChain } from '../../../common/telemetry/error-chain.js';
import { objectKey, Volumes } from '../../storage/index.js';
import { COUNTED_AT_MOST, type SweepTally } from '../sweeping/sweep-step.js';

/** Tables whose rows stand for objects that are to be removed, or may be. */
export type ObjectTable = 'pending_objects' | 'blob_trash';

/** Which rows of a table are to be removed. */
export interface DueObjects {
  readonly table: ObjectTable;
  /** A condition on the row `o`, whose one value is $2. */
  readonly condition: string;
  readonly value: unknown;
  /** Bytes of the object of row `o`, in SQL, where they are known. */
  readonly size?: string;
}

/** Seconds after which a removal that has not come to its end is begun anew: its replica died, or its store was away. */
const REMOVED_AGAIN_AFTER = 300;

/** Objects that are removed side by side: each waits for its store most of the time. */
const BATCH = 16;

interface Row {
  id: string;
  volume: string;
  storage_path: string;
  size: string | null;
}

/** Removes objects together with the rows that stand for them. Any number of replicas may do this at once. */
@Injectable()
export class ObjectRemoval {
  private readonly logger = new Logger('Storage');

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly volumes: Volumes,
  ) {}

  /**
   * Bytes first, then the row: killed in between, a later sweep finds the row again. No connection waits for the store.
   * @param condition on the row `o`
   * @returns whether there was such a row
   */
  async removeOne(table: ObjectTable, condition: string, values: readonly unknown[]): Promise<boolean> {
    const [row] = await this.claim({ table, limit: 1 }, condition, values);
    if (row === undefined) return false;
    await this.remove(table, row);
    return true;
  }

  /** Each volume by itself, so that one that is away does not keep the others full; what fails now is tried again by a later sweep. */
  async sweep(due: DueObjects, signal: AbortSignal): Promise<SweepTally[]> {
    const tallies: SweepTally[] = [];
    for (const volume of this.volumes.names) {
      if (signal.aborted) break;
      tallies.push(await this.sweepVolume(due, volume, signal));
    }
    return tallies;
  }

  /** On the volumes of the configuration. */
  async count(due: DueObjects): Promise<SweepTally[]> {
    const tallies: SweepTally[] = [];
    for (const volume of this.volumes.names) {
      const [row] = await this.database.query<{ found: string; bytes: string | null }[]>(
        `WITH due AS (
           SELECT (${due.size ?? 'NULL'})::bigint AS size FROM ${due.table} o WHERE ${isDue(due)} LIMIT ${COUNTED_AT_MOST}
         )
         SELECT count(*) AS found, sum(size) AS bytes FROM due`,
        [volume, due.value],
      );
      const bytes = row?.bytes ?? null;
      tallies.push({
        volume,
        found: Number(row?.found),
        removed: 0,
        ...(bytes !== null && { bytes: Number(bytes) }),
      });
    }
    return tallies;
  }

  private async sweepVolume(due: DueObjects, volume: string, signal: AbortSignal): Promise<SweepTally> {
    const tally = { volume, found: 0, removed: 0, ...(due.size !== undefined && { bytes: 0 }) };
    try {
      while (!signal.aborted) {
        const rows = await this.claim({ ...due, limit: BATCH }, isDue(due), [volume, due.value]);
        if (rows.length === 0) break;
        tally.found += rows.length;
        const removals = rows.map(async (row) => {
          await this.remove(due.table, row);
          tally.removed += 1;
          if (tally.bytes !== undefined) tally.bytes += Number(row.size ?? 0);
        });
        const failed = (await Promise.allSettled(removals)).find(({ status }) => status === 'rejected');
        if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
      }
      return tally;
    } catch (error) {
      this.logger.warn(`sweep of ${due.table} on the volume ${volume} put off: ${errorChain(error)}`);
      return { ...tally, problem: toProblem(error).kind.code };
    }
  }

  private async remove(table: ObjectTable, row: Row): Promise<void> {
    await this.volumes.get(row.volume).store.remove(objectKey(row.storage_path));
    await this.database.query(`DELETE FROM ${table} WHERE id = $1`, [row.id]);
  }

  /** Takes rows for removal: from now on nobody publishes their objects, and for a while nobody else removes them. */
  private async claim(
    { table, size = 'NULL', limit }: Pick<DueObjects, 'table' | 'size'> & { readonly limit: number },
    condition: string,
    values: readonly unknown[],
  ): Promise<Row[]> {
    const [rows] = await this.database.query<[Row[], number]>(
      `WITH chosen AS MATERIALIZED (
         SELECT o.id FROM ${table} o WHERE ${condition} LIMIT ${limit} FOR UPDATE OF o SKIP LOCKED
       )
       UPDATE ${table} o SET removing_at = now() FROM chosen WHERE o.id = chosen.id
       RETURNING o.id, o.volume, o.storage_path, ${size} AS size`,
      [...values],
    );
    return rows;
  }
}

/** $1 is the volume. */
function isDue({ condition }: DueObjects): string {
  return `
    o.volume = $1 AND ((o.removing_at IS NULL AND ${condition})
                       OR o.removing_at < now() - make_interval(secs => ${REMOVED_AGAIN_AFTER}))`;
}
