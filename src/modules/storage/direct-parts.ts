import type { ObjectKey } from './object-key.js';
import type { OpenUpload, PartPlace } from './part-store.js';

/** A part that the store has; of a part that was sent again the last one. */
export interface StoredPart {
  /** From 0. */
  readonly index: number;
  /** Bytes. */
  readonly size: number;
  /** What `PartStore.complete` is to be given for it. */
  readonly tag: string;
}

/** Where a client puts parts, one URL each, in the order in which they were asked for. */
export interface PartUrls {
  readonly urls: readonly string[];
  readonly expiresAt: Date;
}

/** Parts that clients send to the store themselves. What they sent is known from the store alone, and trusted by nobody. */
export abstract class DirectParts {
  /**
   * To be asked before an upload begins.
   * @throws Problem `direct-upload-unavailable` (422) where whoever has a URL could do more with it than send that part
   * @throws Problem `dependency-unavailable` (503) while that is not known
   */
  abstract require(): void;

  /**
   * Each URL is good for a PUT of exactly that part of that upload, of exactly its size, at the store's public origin. It cannot be
   * taken back; once the upload is complete or removed it is good for nothing.
   * @throws as `require`
   */
  abstract presign(upload: OpenUpload, parts: readonly PartPlace[]): Promise<PartUrls>;

  /**
   * What the store has now, in order; more may come as long as a URL lives.
   * @throws ObjectNotFound when the upload is no longer there, or complete; Problem `dependency-unavailable` (503)
   */
  abstract list(
    upload: Pick<OpenUpload, 'handle'> & { readonly key: ObjectKey },
  ): Promise<readonly StoredPart[]>;
}
