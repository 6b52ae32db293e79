import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { UserPrincipal } from '../../auth/index.js';
import { objectKey } from '../../storage/index.js';
import type { StoredContent } from '../blobs/blob-writer.js';
import { PendingObjects } from '../blobs/pending-objects.js';
import { StorageQuota } from '../quota/storage-quota.js';
import type { StoredFile } from './stored-file.js';
import type { Visibility } from './visibility.js';

/** What its owner says of a file to be. */
export interface AnnouncedFile {
  readonly owner: UserPrincipal;
  readonly filename: string;
  readonly contentType: string;
  readonly visibility: Visibility;
  /** Its size is reserved, by an upload session that ends in the same transaction: no quota is in its way any more. */
  readonly isReserved?: boolean;
}

/** A file to be, whose bytes are stored and verified. */
export interface NewFile extends AnnouncedFile {
  readonly content: StoredContent;
}

/** What belongs into the transaction in which a file comes to be. */
export type WithFile = (transaction: EntityManager, file: StoredFile) => Promise<void>;

/** What is locked before anything else. */
export type Before = (transaction: EntityManager) => Promise<void>;

const BLOB_COLUMNS = 'id, sha256, size, volume, storage_path, store_tags, detected_type';

interface BlobRow {
  id: string;
  sha256: string;
  size: string;
  volume: string;
  storage_path: string;
  store_tags: string[];
  detected_type: string | null;
}

/** Makes stored bytes a file: from then on it can be downloaded. */
@Injectable()
export class FilePublisher {
  constructor(
    private readonly pending: PendingObjects,
    private readonly quota: StorageQuota,
  ) {}

  /**
   * One transaction: the content's row, unless the tenant has that content already, and the file's.
   * @param also what belongs into the same transaction
   * @param first what is to be locked before anything else in it: the accounts of the storage come last
   * @throws Problem `quota-exceeded` (507); then nothing is published
   * @returns the file, whose `objectKey` is another than the given one when the content was there already
   */
  publish(file: NewFile, also?: WithFile, first?: Before): Promise<StoredFile> {
    return this.quota.transaction(file.owner, async (transaction) => {
      await first?.(transaction);
      const blob = await this.adoptBlob(transaction, file);
      if (blob.storage_path === file.content.objectKey) await this.pending.adopt(transaction, file.content);
      return this.insert(transaction, file, blob, also);
    });
  }

  /**
   * A file whose content the tenant has already.
   * @throws Problem `quota-exceeded` (507); then nothing is published
   * @returns undefined when a sweep has just taken it away
   */
  publishKnown(
    file: AnnouncedFile,
    blobId: string,
    also?: WithFile,
    first?: Before,
  ): Promise<StoredFile | undefined> {
    return this.quota.transaction(file.owner, async (transaction) => {
      await first?.(transaction);
      const [blob] = await transaction.query<BlobRow[]>(
        `SELECT ${BLOB_COLUMNS} FROM blobs WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE`,
        [file.owner.tenantId, blobId],
      );
      return blob && this.insert(transaction, file, blob, also);
    });
  }

  private async insert(
    transaction: EntityManager,
    file: AnnouncedFile,
    blob: BlobRow,
    also: WithFile | undefined,
  ): Promise<StoredFile> {
    const { owner, filename, contentType, visibility } = file;
    const size = Number(blob.size);
    // Last, since others of the tenant wait for it.
    if (file.isReserved !== true) await this.quota.admit(transaction, owner, size);
    const [row] = await transaction.query<{ id: string; created_at: Date }[]>(
      `INSERT INTO files (tenant_id, filename, content_type, blob_id, owner_id, visibility)
       SELECT $1, $2, $3, $4, u.id, $6 FROM users u WHERE u.tenant_id = $1 AND u.id = $5 AND u.uid = $7
       RETURNING id, created_at`,
      [owner.tenantId, filename, contentType, blob.id, owner.userId, visibility, owner.userUid],
    );
    if (row === undefined) throw new Error('the owner is no longer there');
    const stored: StoredFile = {
      id: row.id,
      tenantId: owner.tenantId,
      ownerId: owner.userId,
      visibility,
      expiresAt: null,
      deletedAt: null,
      filename,
      contentType,
      detectedType: blob.detected_type,
      version: 1,
      createdAt: row.created_at,
      updatedAt: row.created_at,
      size,
      sha256: blob.sha256,
      volume: blob.volume,
      objectKey: objectKey(blob.storage_path),
      storeTags: blob.store_tags,
    };
    await also?.(transaction, stored);
    return stored;
  }

  /**
   * The row of this content, made if need be, and locked: a sweep locks the same row before it decides that nothing
   * refers to it (RULES 6.2).
   */
  private async adoptBlob(transaction: EntityManager, { owner, content }: NewFile): Promise<BlobRow> {
    const [row] = await transaction.query<BlobRow[]>(
      // The update locks the row that is there and returns it; it changes it only where nobody has looked at the first bytes.
      `INSERT INTO blobs (tenant_id, sha256, crc32, size, volume, storage_path, store_tags, detected_type)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (tenant_id, sha256) DO UPDATE SET detected_type = coalesce(blobs.detected_type, excluded.detected_type)
       RETURNING ${BLOB_COLUMNS}`,
      [
        owner.tenantId,
        content.sha256,
        content.crc32,
        content.size,
        content.volume,
        content.objectKey,
        content.storeTag === undefined ? [] : [content.storeTag],
        content.detectedType ?? null,
      ],
    );
    if (row === undefined) throw new Error('INSERT … RETURNING gave no row');
    return row;
  }
}
