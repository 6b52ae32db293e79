import type { ObjectKey } from '../../storage/index.js';
import type { FileFacts } from '../access/decide.js';

/** A file together with its content. */
export interface StoredFile extends FileFacts {
  readonly id: string;
  readonly deletedAt: null;
  readonly filename: string;
  /** Media type by the word of who manages it: the one that downloads say. */
  readonly contentType: string;
  /** Media type that the content looked like when it was stored; it is told and decides nothing. */
  readonly detectedType: string | null;
  /** Counts changes of the metadata. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Bytes. */
  readonly size: number;
  /** 64 hex digits. */
  readonly sha256: string;
  /** Name of the volume and key within it. */
  readonly volume: string;
  readonly objectKey: ObjectKey;
  /** Entity tags that stores have given to the object: clients that were redirected know it by them. */
  readonly storeTags: readonly string[];
}

/** What is left of a file that was deleted: it decides what callers are told, and has no content any more. */
export interface DeletedFile extends FileFacts {
  readonly id: string;
  readonly deletedAt: Date;
}

/** Entity tag of a file's metadata (the content has its own). */
export function metadataTag(file: StoredFile): string {
  return `"${file.id}-${file.version}"`;
}
