import { Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { StorageConfig } from '../../../common/config/config.js';
import { ObjectRemoval } from './object-removal.js';
import type { ObjectPlace } from './pending-objects.js';

/** `unreferenced`: no file has the content any more. */
export type TrashReason = 'moved' | 'unreferenced';

/** Nobody refers to it; should a blob do so against all rules, its bytes stay. */
const DUE = `
  o.trashed_at < now() - make_interval(days => $2)
  AND NOT EXISTS (SELECT FROM blobs b WHERE b.volume = o.volume AND b.storage_path = o.storage_path)`;

/**
 * Objects that were a blob's and are no longer: their bytes stay for `BLOB_TRASH_DAYS`, for downloads that have begun, for presigned URLs and
 * for backups of the database (RULES 6.2).
 */
@Injectable()
export class BlobTrash {
  private readonly logger = new Logger('Storage');

  constructor(
    private readonly config: StorageConfig,
    private readonly removal: ObjectRemoval,
  ) {}

  /** In the transaction in which the blob loses the object. */
  async put(
    transaction: EntityManager,
    tenantId: string,
    { volume, objectKey }: ObjectPlace,
    reason: TrashReason,
  ): Promise<void> {
    await transaction.query(
      'INSERT INTO blob_trash (tenant_id, volume, storage_path, reason) VALUES ($1, $2, $3, $4)',
      [tenantId, volume, objectKey, reason],
    );
  }

  /** Removes the bytes whose days are over. */
  async sweep(signal: AbortSignal): Promise<void> {
    const removed = await this.removal.sweep('blob_trash', DUE, this.config.blobTrashDays, signal);
    if (removed > 0) this.logger.log(`removed ${removed} objects that were in the trash long enough`);
  }
}
