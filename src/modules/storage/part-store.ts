import type { Readable } from 'node:stream';
import type { ObjectKey } from './object-key.js';

/** An object that is to be, while its parts arrive: in any order, from several replicas, over days. */
export interface OpenUpload {
  readonly key: ObjectKey;
  /** Of the whole object, bytes. */
  readonly size: number;
  /** What the store calls it; text of `begin`. */
  readonly handle: string;
}

/** Where a part belongs; all in bytes. All parts of an upload but the last have the same size. */
export interface PartPlace {
  /** From 0. */
  readonly index: number;
  /** Of its first byte. */
  readonly offset: number;
  readonly size: number;
  /**
   * Unique; given when somebody who was to write the part before may not know that it is no longer his, and write late. The part is
   * then kept where he cannot reach it.
   */
  readonly apart?: string;
}

/** Objects that come in parts, without being copied when they are whole. `ObjectStore.remove` gives one up, at any time. */
export abstract class PartStore {
  /** Bytes that a part must have at least, unless it is the last. */
  abstract readonly minPartSize: number;

  /**
   * Makes room for an object. Nothing is to be read under its key before `complete`.
   * @returns the handle
   * @throws VolumeFull when there is no room
   * @throws Problem `dependency-unavailable` (503)
   */
  abstract begin(key: ObjectKey, size: number): Promise<string>;

  /**
   * Writes a part from `source`, which is consumed, or destroyed on failure. When it resolves, the part survives a crash of the machine;
   * when it rejects, the part is not there, or only in part, and may be written again. Nobody else may write the same part meanwhile.
   * Holds less than 1 MiB of it in memory.
   * @returns what `complete` is to be given for the part
   * @throws PartLength when `source` ends early or late
   * @throws ObjectNotFound when the upload is no longer there
   * @throws VolumeFull, AbortError, Problem `dependency-unavailable` (503)
   */
  abstract writePart(
    upload: OpenUpload,
    part: PartPlace,
    source: Readable,
    signal: AbortSignal,
  ): Promise<string>;

  /**
   * Makes the parts an object under its key that survives a crash. Repeated after it succeeded, whether its caller heard of that or
   * not, it succeeds again.
   * @param tags of all parts, in order
   * @returns the store's own entity tag of the object, where it has one
   * @throws ObjectNotFound when the upload is no longer there
   * @throws PartMissing when a part is not there, or another than its tag says
   * @throws ObjectExists when the key is taken by another object, and leaves that as it is
   * @throws VolumeFull, Problem `dependency-unavailable` (503)
   */
  abstract complete(upload: OpenUpload, tags: readonly string[]): Promise<string | undefined>;
}

/** A part that is not as long as its place. */
export class PartLength extends Error {
  override readonly name = 'PartLength';
}

/** The store has not all parts of an upload, or others than it was asked to put together. */
export class PartMissing extends Error {
  override readonly name = 'PartMissing';
}
