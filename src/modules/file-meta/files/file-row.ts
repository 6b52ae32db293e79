import { objectKey } from '../../storage/index.js';
import type { StoredFile } from './stored-file.js';
import type { Visibility } from './visibility.js';

/** Columns of a file with its content, from `files f JOIN blobs b`. */
export const FILE_COLUMNS = `
  f.id, f.tenant_id, f.owner_id, f.visibility, f.expires_at, f.deleted_at, f.filename, f.content_type, f.version,
  f.created_at, f.updated_at, b.size, b.sha256, b.volume, b.storage_path, b.store_tags,
  b.detected_type`;

export interface FileRow {
  id: string;
  tenant_id: string;
  owner_id: string;
  visibility: Visibility;
  expires_at: Date | null;
  deleted_at: Date | null;
  filename: string;
  content_type: string;
  version: number;
  created_at: Date;
  updated_at: Date;
  size: string;
  sha256: string;
  volume: string;
  storage_path: string;
  store_tags: string[];
  detected_type: string | null;
}

export function toStoredFile(row: FileRow): StoredFile {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    ownerId: row.owner_id,
    visibility: row.visibility,
    expiresAt: row.expires_at,
    deletedAt: row.deleted_at,
    filename: row.filename,
    contentType: row.content_type,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    size: Number(row.size),
    sha256: row.sha256,
    volume: row.volume,
    objectKey: objectKey(row.storage_path),
    storeTags: row.store_tags,
    detectedType: row.detected_type,
  };
}
