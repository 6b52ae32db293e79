import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { UserPrincipal } from '../../auth/index.js';
import { type ObjectKey, objectKey } from '../../storage/index.js';
import { DOWNLOADABLE } from './files.repository.js';

/** A content that the tenant has. */
export interface KnownContent {
  readonly blobId: string;
  /** Bytes. */
  readonly size: number;
  readonly volume: string;
  readonly objectKey: ObjectKey;
  /** What it looks like. */
  readonly detectedType: string | null;
  /** Whether the user who asks may download a file that has it. */
  readonly readable: boolean;
}

/** Contents by their hashes; never another tenant's (RULES 6.4). */
@Injectable()
export class KnownContents {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** @param sha256 64 hex digits, in lower case */
  async find(
    sha256: string,
    size: number,
    { tenantId, userId, role }: UserPrincipal,
  ): Promise<KnownContent | undefined> {
    const [row] = await this.database.query<
      {
        id: string;
        volume: string;
        storage_path: string;
        detected_type: string | null;
        readable: boolean;
      }[]
    >(
      `SELECT b.id, b.volume, b.storage_path, b.detected_type,
              EXISTS (SELECT FROM files f WHERE f.tenant_id = b.tenant_id AND f.blob_id = b.id AND ${DOWNLOADABLE}) AS readable
       FROM blobs b WHERE b.tenant_id = $1 AND b.sha256 = $4 AND b.size = $5`,
      [tenantId, userId, role, sha256, size],
    );
    return (
      row && {
        blobId: row.id,
        size,
        volume: row.volume,
        objectKey: objectKey(row.storage_path),
        detectedType: row.detected_type,
        readable: row.readable,
      }
    );
  }
}
