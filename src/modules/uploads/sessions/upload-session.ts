import type { Visibility } from '../../file-meta/index.js';
import type { Challenge } from '../instant/challenge.js';
import type { ObjectKey, OpenUpload } from '../../storage/index.js';

/** How the bytes of a session come. */
export type UploadProtocol = 'chunks' | 'tus' | 'direct';

/** `verifying`: all bytes are there and are being looked at. */
export const UPLOAD_STATES = ['uploading', 'verifying', 'completed', 'failed'] as const;
export type UploadState = (typeof UPLOAD_STATES)[number];

/** A file that comes in parts. What is needed to go on with it is in the database and in the store: any replica can. */
export interface UploadSession {
  readonly id: string;
  /** Random; the name by which clients know the session. */
  readonly uid: string;
  readonly tenantId: string;
  readonly ownerId: string;
  readonly protocol: UploadProtocol;
  readonly filename: string;
  readonly contentType: string;
  readonly visibility: Visibility;
  /** Bytes. */
  readonly size: number;
  /** What the client says its bytes are, 64 hex digits; null: it says nothing. */
  readonly sha256: string | null;
  /** Of every chunk but the last, bytes. */
  readonly chunkSize: number;
  /** Name of the volume, and key of the object to be. */
  readonly volume: string;
  readonly objectKey: ObjectKey;
  /** What the store calls the unfinished object; null until it has begun. */
  readonly handle: string | null;
  /** Bytes from the beginning that are there for good; kept by protocols that send them in order. */
  readonly received: number;
  /** `Upload-Metadata` of tus, as it came. */
  readonly metadata: string | null;
  /** What the client is to prove, so that its bytes need not come. */
  readonly challenge: Challenge | null;
  readonly status: UploadState;
  /** Code of the problem with which it has failed. */
  readonly failure: string | null;
  /** The file that it has become. */
  readonly fileId: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** @throws Error when the store has not begun: its client has never heard of such a session */
export function openUploadOf({ uid, objectKey: key, size, handle }: UploadSession): OpenUpload {
  if (handle === null) throw new Error(`the upload ${uid} has not begun`);
  return { key, size, handle };
}
