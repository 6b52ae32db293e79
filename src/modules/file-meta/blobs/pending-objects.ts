import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { ObjectKey } from '../../storage/index.js';
import type { SweepStep, SweepTally } from '../sweeping/sweep-step.js';
import { type DueObjects, ObjectRemoval } from './object-removal.js';

/** An object by the name of its volume and its key. */
export interface ObjectPlace {
  readonly volume: string;
  readonly objectKey: ObjectKey;
}

/** Seconds without a sign of life of its writer after which a pending object is swept. */
const ABANDONED_AFTER = 3_600;

const ABANDONED: DueObjects = {
  table: 'pending_objects',
  condition: `
    o.seen_at < now() - make_interval(secs => $2) AND (o.kept_until IS NULL OR o.kept_until < now())`,
  value: ABANDONED_AFTER,
};

/** Milliseconds between two signs of life: many fit in the time after which one is missed. */
const TOUCH_INTERVAL = 5 * 60_000;

/**
 * Keeps account of objects that are being written and that no blob has yet. The row is there before the first byte and goes in
 * the transaction that publishes: so a row, once claimed for removal, proves that nothing refers to its object, now or later.
 */
@Injectable()
export class PendingObjects implements SweepStep {
  readonly name = 'pending-objects';
  private readonly logger = new Logger('Storage');

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly removal: ObjectRemoval,
  ) {}

  /**
   * Before the first byte.
   * @param keptUntil until then nobody takes its writer for dead, whatever its signs of life
   */
  async begin(
    transaction: EntityManager,
    tenantId: string,
    { volume, objectKey: key }: ObjectPlace,
    keptUntil?: Date,
  ): Promise<void> {
    await transaction.query(
      'INSERT INTO pending_objects (tenant_id, volume, storage_path, kept_until) VALUES ($1, $2, $3, $4)',
      [tenantId, volume, key, keptUntil ?? null],
    );
  }

  /** Signs of life of the writer, until what is returned is called. */
  keepAlive({ volume, objectKey: key }: ObjectPlace): () => void {
    const timer = setInterval(() => {
      this.database
        .query('UPDATE pending_objects SET seen_at = now() WHERE volume = $1 AND storage_path = $2', [
          volume,
          key,
        ])
        .catch(() => undefined);
    }, TOUCH_INTERVAL);
    return () => {
      clearInterval(timer);
    };
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
      await this.removal.removeOne('pending_objects', 'o.volume = $1 AND o.storage_path = $2', [volume, key]);
    } catch (error) {
      this.logger.warn(`left to the sweep: ${volume}/${key} (${String(error)})`);
    }
  }

  due(): Promise<SweepTally[]> {
    return this.removal.count(ABANDONED);
  }

  /** Removes what writers have left that are gone. */
  sweep(signal: AbortSignal): Promise<SweepTally[]> {
    return this.removal.sweep(ABANDONED, signal);
  }
}
