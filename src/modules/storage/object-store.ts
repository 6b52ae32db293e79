import type { Readable } from 'node:stream';
import type { ByteRange } from '../../common/http/index.js';
import type { ObjectKey } from './object-key.js';

/** The key does not exist. */
export class ObjectNotFound extends Error {
  override readonly name = 'ObjectNotFound';
}

/** The key exists already: no write replaces an object. */
export class ObjectExists extends Error {
  override readonly name = 'ObjectExists';
}

/** The volume has no room left (or the quota of its account is used up). */
export class VolumeFull extends Error {
  override readonly name = 'VolumeFull';
}

/** Where the bytes of blobs are. Objects are written once, never changed and removed by a sweep only. */
export abstract class ObjectStore {
  /**
   * Writes a new object from `source`, which is consumed, or destroyed on failure. When it resolves, the object
   * survives a crash of the machine; when it rejects, nothing is left behind. `signal` aborts and rejects with AbortError.
   * @returns the store's own entity tag of the object, as it would send it, where it has one
   * @throws ObjectExists when the key is taken, and leaves that object as it is
   * @throws VolumeFull when there is no room
   * @throws Problem `dependency-unavailable` (503) when the store is away; what it has then is not known, and may come to be later:
   *   that is for `remove`, after a while
   */
  abstract write(key: ObjectKey, source: Readable, signal: AbortSignal): Promise<string | undefined>;

  /**
   * Opens `range` (bytes, inclusive) of the object for reading. The caller consumes or destroys the
   * stream; `signal` aborts the transfer and destroys it. An object that is shorter than the range fails the stream.
   * @throws ObjectNotFound when the key does not exist
   */
  abstract read(key: ObjectKey, range: ByteRange, signal: AbortSignal): Promise<Readable>;

  /**
   * Size in bytes.
   * @throws ObjectNotFound when the key does not exist
   */
  abstract size(key: ObjectKey): Promise<number>;

  /** Removes the object and what interrupted writes of it have left. One that does not exist is no error. */
  abstract remove(key: ObjectKey): Promise<void>;
}
