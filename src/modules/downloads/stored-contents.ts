import { Injectable } from '@nestjs/common';
import type { StoredFile } from '../file-meta/index.js';
import { contentMissing, ObjectNotFound, Volumes } from '../storage/index.js';

/** Milliseconds for which an object that was there is taken to be there: nginx keeps it open for longer. */
const TRUST = 1_000;

/** Looks whether the content of a file is in its place (docs/adr/0008). */
@Injectable()
export class StoredContents {
  /** Of the files that are kept in memory: when their objects were seen, milliseconds. */
  private readonly seen = new WeakMap<StoredFile, number>();

  constructor(private readonly volumes: Volumes) {}

  /**
   * Before any header is out, and for HEAD too: a blob that was lost or cut behind our back must not be sent, whole or in part,
   * under the tag of what it was.
   * @throws Problem `content-missing` (502)
   */
  require(file: StoredFile): Promise<void> | undefined {
    const seen = this.seen.get(file);
    return seen !== undefined && performance.now() - seen < TRUST ? undefined : this.look(file);
  }

  private async look(file: StoredFile): Promise<void> {
    const { store } = this.volumes.get(file.volume);
    const size = await store.size(file.objectKey).catch((error: unknown) => {
      throw error instanceof ObjectNotFound ? contentMissing(error) : error;
    });
    if (size !== file.size) {
      throw contentMissing(
        new Error(`${file.volume}/${file.objectKey} has ${size} bytes instead of ${file.size}`),
      );
    }
    this.seen.set(file, performance.now());
  }
}
