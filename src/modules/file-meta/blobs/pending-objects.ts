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

/** Seconds after which a removal that has not come to its end is begun anew: its replica died, or its store was away. */
const REMOVED_AGAIN_AFTER = 300;

/** Objects of one sweep; the rest is the next one's. */
const SWEEP_BATCH = 1_000;

interface Row {
  id: string;
  volume: string;
  storage_path: string;
}

/**
 * Keeps account of objects that are being written and that no blob has yet. The row is there before the first byte and goes in
 * the transaction that publishes: so a row, once claimed for removal, proves that nothing refers to its object, now or later.
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
      'DELETE FROM pending_objects WHERE volume = $1 AND storage_path = $2 AND removing_at IS NULL',
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
      const claimed = await this.claim('volume = $1 AND storage_path = $2', [volume, key]);
      if (claimed !== undefined) await this.remove(claimed);
    } catch (error) {
      this.logger.warn(`left to the sweep: ${volume}/${key} (${String(error)})`);
    }
  }

  /**
   * Removes what writers have left that are gone. Any number of replicas may do this at once. A volume that fails is left alone
   * until the next sweep, and keeps nobody from sweeping the others.
   * @returns how many objects were removed
   */
  async sweep(): Promise<number> {
    let removed = 0;
    const failing = new Set<string>();
    while (removed < SWEEP_BATCH) {
      const claimed = await this.claim(
        `volume <> ALL ($1) AND (removing_at < now() - make_interval(secs => $2)
           OR removing_at IS NULL AND seen_at < now() - make_interval(secs => $3))`,
        [[...failing], REMOVED_AGAIN_AFTER, ABANDONED_AFTER],
      );
      if (claimed === undefined) break;
      try {
        await this.remove(claimed);
        removed += 1;
      } catch (error) {
        failing.add(claimed.volume);
        this.logger.warn(`sweep of the volume ${claimed.volume} put off: ${String(error)}`);
      }
    }
    if (removed > 0) this.logger.log(`swept ${removed} objects that nobody had published`);
    return removed;
  }

  /** Takes one row for removal: from now on nobody publishes its object, and for a while nobody else removes it. */
  private async claim(condition: string, values: unknown[]): Promise<Row | undefined> {
    const [[row]] = await this.database.query<[Row[], number]>(
      `UPDATE pending_objects SET removing_at = now()
       WHERE id = (SELECT id FROM pending_objects WHERE ${condition} LIMIT 1 FOR UPDATE SKIP LOCKED)
       RETURNING id, volume, storage_path`,
      values,
    );
    return row;
  }

  /** Bytes first, then the row: killed in between, a later sweep finds the row again. No connection waits for the store. */
  private async remove({ id, volume, storage_path: path }: Row): Promise<void> {
    await this.volumes.get(volume).store.remove(objectKey(path));
    await this.database.query('DELETE FROM pending_objects WHERE id = $1', [id]);
  }
}
