import type { Readable } from 'node:stream';
import type { OpenUpload } from './part-store.js';

/** Bytes of an upload that come in order and may stop anywhere: for volumes where every byte has its place from the beginning. */
export abstract class AppendStore {
  /**
   * Writes what `source` brings from `offset` on; it is consumed, or destroyed on failure. Nobody else may write there meanwhile.
   * Also when it rejects, what had come in was kept.
   * @param kept is called, and waited for, each time all bytes before `through` survive a crash of the machine: now and then, and at the end
   * @throws ObjectNotFound when the upload is no longer there
   * @throws VolumeFull, AbortError, what `source` or `kept` fails with
   */
  abstract append(
    upload: OpenUpload,
    offset: number,
    source: Readable,
    signal: AbortSignal,
    kept: (through: number) => Promise<void>,
  ): Promise<void>;

  /**
   * What somebody may yet write who began before and does not know that it is no longer his (a process can stand still) does not reach
   * the upload any more.
   * @param through bytes from the beginning that are there for good
   * @throws ObjectNotFound when the upload is no longer there
   * @throws VolumeFull
   */
  abstract detach(upload: OpenUpload, through: number): Promise<void>;
}
