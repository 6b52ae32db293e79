import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { UserPrincipal } from '../../auth/index.js';
import { objectKey } from '../../storage/index.js';
import type { StoredContent } from '../blobs/blob-writer.js';
import { PendingObjects } from '../blobs/pending-objects.js';
import type { StoredFile } from './stored-file.js';
import type { Visibility } from './visibility.js';

/** A file to be, whose bytes are stored and verified. */
export interface NewFile {
  readonly owner: UserPrincipal;
  readonly filename: string;
  readonly contentType: string;
  readonly visibility: Visibility;
  readonly content: StoredContent;
}

interface BlobRow {
  id: string;
  volume: string;
  storage_path: string;
  store_tags: string[];
}

/** Makes stored bytes a file: from then on it can be downloaded. */
@Injectable()
export class FilePublisher {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly pending: PendingObjects,
  ) {}

  /**
   * One transaction: the content's row, unless the tenant has that content already, and the file's.
   * @param also what belongs into the same transaction
   * @returns the file, whose `objectKey` is another than the given one when the content was there already
   */
  publish(
    file: NewFile,
    also?: (transaction: EntityManager, file: StoredFile) => Promise<void>,
  ): Promise<StoredFile> {
    return this.database.transaction(async (transaction) => {
      const blob = await this.adoptBlob(transaction, file);
      if (blob.storage_path === file.content.objectKey) await this.pending.adopt(transaction, file.content);
      const [row] = await transaction.query<{ id: string; created_at: Date }[]>(
        `INSERT INTO files (tenant_id, filename, content_type, blob_id, owner_id, visibility)
         SELECT $1, $2, $3, $4, u.id, $6 FROM users u WHERE u.tenant_id = $1 AND u.id = $5 AND u.uid = $7
         RETURNING id, created_at`,
        [
          file.owner.tenantId,
          file.filename,
          file.contentType,
          blob.id,
          file.owner.userId,
          file.visibility,
          file.owner.userUid,
        ],
      );
      if (row === undefined) throw new Error('the owner is no longer there');
      const stored: StoredFile = {
        id: row.id,
        tenantId: file.owner.tenantId,
        ownerId: file.owner.userId,
        visibility: file.visibility,
        expiresAt: null,
        deletedAt: null,
        filename: file.filename,
        contentType: file.contentType,
        version: 1,
        createdAt: row.created_at,
        updatedAt: row.created_at,
        size: file.content.size,
        sha256: file.content.sha256,
        volume: blob.volume,
        objectKey: objectKey(blob.storage_path),
        storeTags: blob.store_tags,
      };
      await also?.(transaction, stored);
      return stored;
    });
  }

  /**
   * The row of this content, made if need be, and locked: a sweep locks the same row before it decides that nothing
   * refers to it (RULES 6.2).
   */
  private async adoptBlob(transaction: EntityManager, { owner, content }: NewFile): Promise<BlobRow> {
    const [row] = await transaction.query<BlobRow[]>(
      // The update changes nothing; it locks the row that is there and returns it.
      `INSERT INTO blobs (tenant_id, sha256, crc32, size, volume, storage_path, store_tags)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (tenant_id, sha256) DO UPDATE SET sha256 = excluded.sha256
       RETURNING id, volume, storage_path, store_tags`,
      [
        owner.tenantId,
        content.sha256,
        content.crc32,
        content.size,
        content.volume,
        content.objectKey,
        content.storeTag === undefined ? [] : [content.storeTag],
      ],
    );
    if (row === undefined) throw new Error('INSERT … RETURNING gave no row');
    return row;
  }
}
