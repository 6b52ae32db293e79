import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { StorageConfig } from '../../../common/config/config.js';
import type { SweepStep, SweepTally } from '../sweeping/sweep-step.js';
import { type DueObjects, ObjectRemoval } from './object-removal.js';
import type { ObjectPlace } from './pending-objects.js';

/** `unreferenced`: no file has the content any more. */
export type TrashReason = 'moved' | 'unreferenced';

/** Nobody refers to it; should a blob do so against all rules, its bytes stay. */
const OLD_ENOUGH = `
  o.trashed_at < now() - make_interval(days => $2)
  AND NOT EXISTS (SELECT FROM blobs b WHERE b.volume = o.volume AND b.storage_path = o.storage_path)`;

/**
 * Objects that were a blob's and are no longer: their bytes stay for `BLOB_TRASH_DAYS`, for downloads that have begun, for presigned URLs and
 * for backups of the database (RULES 6.2).
 */
@Injectable()
export class BlobTrash implements SweepStep {
  readonly name = 'blob-trash';
  private readonly old: DueObjects;

  constructor(
    config: StorageConfig,
    private readonly removal: ObjectRemoval,
  ) {
    this.old = { table: 'blob_trash', condition: OLD_ENOUGH, value: config.blobTrashDays, size: 'o.size' };
  }

  /** In the transaction in which the blob loses the object. */
  async put(
    transaction: EntityManager,
    tenantId: string,
    { volume, objectKey, size }: ObjectPlace & { readonly size: number },
    reason: TrashReason,
  ): Promise<void> {
    await transaction.query(
      'INSERT INTO blob_trash (tenant_id, volume, storage_path, reason, size) VALUES ($1, $2, $3, $4, $5)',
      [tenantId, volume, objectKey, reason, size],
    );
  }

  due(): Promise<SweepTally[]> {
    return this.removal.count(this.old);
  }

  /** Removes the bytes whose days are over. */
  sweep(signal: AbortSignal): Promise<SweepTally[]> {
    return this.removal.sweep(this.old, signal);
  }
}
