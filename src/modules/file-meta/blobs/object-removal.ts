import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { objectKey, Volumes } from '../../storage/index.js';

/** Tables whose rows stand for objects that are to be removed, or may be. */
export type ObjectTable = 'pending_objects' | 'blob_trash';

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
   * Bytes first, then the row, under its lock: killed in between, the next sweep finds the row again.
   * @param condition on the row `o`, of which another may hold the lock
   * @returns whether there was such a row
   */
  removeOne(table: ObjectTable, condition: string, values: readonly unknown[]): Promise<boolean> {
    return this.database.transaction(async (transaction) => {
      const [row] = await transaction.query<Row[]>(
        `SELECT o.id, o.volume, o.storage_path FROM ${table} o WHERE ${condition} LIMIT 1 FOR UPDATE OF o SKIP LOCKED`,
        [...values],
      );
      if (row === undefined) return false;
      await this.volumes.get(row.volume).store.remove(objectKey(row.storage_path));
      await transaction.query(`DELETE FROM ${table} WHERE id = $1`, [row.id]);
      return true;
    });
  }

  /**
   * Each volume by itself, so that one that is away does not keep the others full; what fails now is tried again by the next sweep.
   * @param isDue a condition whose one value is $2
   * @returns how many objects were removed
   */
  async sweep(table: ObjectTable, isDue: string, value: unknown, signal: AbortSignal): Promise<number> {
    let removed = 0;
    for (const volume of this.volumes.names) {
      try {
        while (
          !signal.aborted &&
          (await this.removeOne(table, `o.volume = $1 AND ${isDue}`, [volume, value]))
        )
          removed += 1;
      } catch (error) {
        this.logger.warn(`sweep of ${table} on the volume ${volume} put off: ${String(error)}`);
      }
    }
    return removed;
  }
}
