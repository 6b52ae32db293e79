import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { objectKey, Volumes } from '../../storage/index.js';

/** Tables whose rows stand for objects that are to be removed, or may be. */
export type ObjectTable = 'pending_objects' | 'blob_trash';

/** Seconds after which a removal that has not come to its end is begun anew: its replica died, or its store was away. */
const REMOVED_AGAIN_AFTER = 300;

interface Row {
  id: string;
  volume: string;
  storage_path: string;
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
    const row = await this.claim(table, condition, values);
    if (row === undefined) return false;
    await this.volumes.get(row.volume).store.remove(objectKey(row.storage_path));
    await this.database.query(`DELETE FROM ${table} WHERE id = $1`, [row.id]);
    return true;
  }

  /**
   * Each volume by itself, so that one that is away does not keep the others full; what fails now is tried again by a later sweep.
   * @param isDue a condition on the row `o`, whose one value is $2
   * @returns how many objects were removed
   */
  async sweep(table: ObjectTable, isDue: string, value: unknown, signal: AbortSignal): Promise<number> {
    const condition = `
      o.volume = $1 AND ((o.removing_at IS NULL AND ${isDue})
                         OR o.removing_at < now() - make_interval(secs => ${REMOVED_AGAIN_AFTER}))`;
    let removed = 0;
    for (const volume of this.volumes.names) {
      try {
        while (!signal.aborted && (await this.removeOne(table, condition, [volume, value]))) removed += 1;
      } catch (error) {
        this.logger.warn(`sweep of ${table} on the volume ${volume} put off: ${String(error)}`);
      }
    }
    return removed;
  }

  /** Takes one row for removal: from now on nobody publishes its object, and for a while nobody else removes it. */
  private async claim(
    table: ObjectTable,
    condition: string,
    values: readonly unknown[],
  ): Promise<Row | undefined> {
    const [[row]] = await this.database.query<[Row[], number]>(
      `UPDATE ${table} SET removing_at = now()
       WHERE id = (SELECT o.id FROM ${table} o WHERE ${condition} LIMIT 1 FOR UPDATE OF o SKIP LOCKED)
       RETURNING id, volume, storage_path`,
      [...values],
    );
    return row;
  }
}
