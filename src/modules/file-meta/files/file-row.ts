import { objectKey } from '../../storage/index.js';
import type { DeletedFile, StoredFile } from './stored-file.js';
import type { Visibility } from './visibility.js';

/** Columns of a file with its content, from `files f JOIN blobs b`; a LEFT JOIN finds deleted files too. */
export const FILE_COLUMNS = `
  f.id, f.tenant_id, f.owner_id, f.visibility, f.expires_at, f.deleted_at, f.filename, f.content_type, f.version,
  f.created_at, f.updated_at, b.size, b.sha256, b.volume, b.storage_path, b.store_tags,
  b.detected_type`;

interface FactsRow {
  id: string;
  tenant_id: string;
  owner_id: string;
  visibility: Visibility;
  expires_at: Date | null;
}

export interface DeletedFileRow extends FactsRow {
  deleted_at: Date;
}

export interface FileRow extends FactsRow {
  deleted_at: null;
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
    deletedAt: null,
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

export function toFoundFile(row: FileRow | DeletedFileRow): StoredFile | DeletedFile {
  if (row.deleted_at === null) return toStoredFile(row);
  return {
    id: row.id,
    tenantId: row.tenant_id,
    ownerId: row.owner_id,
    visibility: row.visibility,
    expiresAt: row.expires_at,
    deletedAt: row.deleted_at,
  };
}
