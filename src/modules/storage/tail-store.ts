import type { ObjectKey } from './object-key.js';

/**
 * What has come of a part that is not whole yet, where the store takes whole parts only (RULES 6.3). A tail never changes and has a
 * name of its own: one that goes on is written anew before the old one is removed, and which of them counts is told by whoever keeps
 * the name. So a crash between any two steps loses nothing that was acknowledged. `ObjectStore.remove` removes all tails of a key.
 */
export abstract class TailStore {
  /**
   * @param bytes less than a part; held in memory, so not of many uploads at once
   * @returns the name, once the tail survives a crash of the machine
   * @throws VolumeFull, Problem `dependency-unavailable` (503)
   */
  abstract write(key: ObjectKey, bytes: Buffer): Promise<string>;

  /**
   * @param name of `write`
   * @throws ObjectNotFound when there is no such tail, Problem `dependency-unavailable` (503)
   */
  abstract read(key: ObjectKey, name: string): Promise<Buffer>;

  /** One that is not there is no error. @throws Problem `dependency-unavailable` (503) */
  abstract remove(key: ObjectKey, name: string): Promise<void>;

  /** All tails of an object that has become whole. @throws Problem `dependency-unavailable` (503) */
  abstract clear(key: ObjectKey): Promise<void>;
}
