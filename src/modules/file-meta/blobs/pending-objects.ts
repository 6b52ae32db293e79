import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { type ObjectKey, objectKey, Volumes } from '../../storage/index.js';

/** An object by the name of its volume and its key. */
export interface ObjectPlace {
  readonly volume: string;
  readonly objectKey: ObjectKey;
}

/** Seconds without a sign of life of its writer after which a pending object is swept. */
const ABANDONED_AFTER = 3_600;

/** Objects of one sweep; the rest is the next one's. */
const SWEEP_BATCH = 1_000;

interface Row {
  id: string;
  volume: string;
  storage_path: string;
}

/**
 * Keeps account of objects that are being written and that no blob has yet. The row is there before the first byte and goes in
 * the transaction that publishes: so a row, once locked, proves that nothing refers to its object.
 */
@Injectable()
export class PendingObjects {
  private readonly logger = new Logger('Storage');

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly volumes: Volumes,
  ) {}

  /** Before the first byte. */
  async begin(tenantId: string, { volume, objectKey: key }: ObjectPlace): Promise<void> {
    await this.database.query(
      'INSERT INTO pending_objects (tenant_id, volume, storage_path) VALUES ($1, $2, $3)',
      [tenantId, volume, key],
    );
  }

  /** A sign of life of the writer: more often than `ABANDONED_AFTER`. */
  async touch({ volume, objectKey: key }: ObjectPlace): Promise<void> {
    await this.database.query(
      'UPDATE pending_objects SET seen_at = now() WHERE volume = $1 AND storage_path = $2',
      [volume, key],
    );
  }

  /**
   * Within the publishing transaction.
   * @throws Error when the object is no longer pending: a sweep took its writer for dead
   */
  async adopt(transaction: EntityManager, { volume, objectKey: key }: ObjectPlace): Promise<void> {
    const [, count] = await transaction.query<[unknown[], number]>(
      'DELETE FROM pending_objects WHERE volume = $1 AND storage_path = $2',
      [volume, key],
    );
    if (count !== 1) throw new Error(`the object ${volume}/${key} is no longer pending`);
  }

  /**
   * Removes an object that is not to be published, and does nothing to one that was, even by a transaction whose answer was lost.
   * A failure costs room until the sweep and is logged, not thrown.
   */
  async discard({ volume, objectKey: key }: ObjectPlace): Promise<void> {
    try {
      await this.removeLocked('volume = $1 AND storage_path = $2', [volume, key]);
    } catch (error) {
      this.logger.warn(`left to the sweep: ${volume}/${key} (${String(error)})`);
    }
  }

  /**
   * Removes what writers have left that are gone. Any number of replicas may do this at once.
   * @returns how many objects were removed
   */
  async sweep(): Promise<number> {
    let removed = 0;
    while (removed < SWEEP_BATCH) {
      const found = await this.removeLocked(`seen_at < now() - make_interval(secs => $1)`, [ABANDONED_AFTER]);
      if (!found) break;
      removed += 1;
    }
    if (removed > 0) this.logger.log(`swept ${removed} objects that nobody had published`);
    return removed;
  }

  /** Bytes first, then the row, under its lock: killed in between, the next sweep finds the row again. */
  private removeLocked(condition: string, values: unknown[]): Promise<boolean> {
    return this.database.transaction(async (transaction) => {
      const [row] = await transaction.query<Row[]>(
        `SELECT id, volume, storage_path FROM pending_objects WHERE ${condition} LIMIT 1 FOR UPDATE SKIP LOCKED`,
        values,
      );
      if (row === undefined) return false;
      await this.volumes.get(row.volume).store.remove(objectKey(row.storage_path));
      await transaction.query('DELETE FROM pending_objects WHERE id = $1', [row.id]);
      return true;
    });
  }
}
