import { randomBytes } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import type { ByteRange } from '../../../common/http/index.js';
import type { ObjectKey } from '../object-key.js';
import { ObjectStore } from '../object-store.js';
import { FileRange } from './file-range.js';
import { batchesOf, localProblem, type LocalVolume, writeAll } from './local-volume.js';

/** Objects as files. */
export class LocalObjectStore extends ObjectStore {
  constructor(private readonly volume: LocalVolume) {
    super();
  }

  override async write(key: ObjectKey, source: Readable, signal: AbortSignal): Promise<undefined> {
    const temporary = this.volume.temporaryPathOf(key, randomBytes(8).toString('hex'));
    try {
      const file = await this.volume.createTemporary(temporary);
      try {
        let length = 0;
        for await (const batch of batchesOf(addAbortSignal(signal, source)))
          length += await writeAll(file, batch, length);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.volume.publish(temporary, key);
    } catch (error) {
      source.destroy();
      await rm(temporary, { force: true });
      throw localProblem(error);
    }
  }

  override async read(key: ObjectKey, range: ByteRange, signal: AbortSignal): Promise<Readable> {
    const file = await open(this.volume.pathOf(key), 'r').catch((error: unknown) => {
      throw localProblem(error);
    });
    return addAbortSignal(signal, new FileRange(file, range));
  }

  override async size(key: ObjectKey): Promise<number> {
    const { size } = await stat(this.volume.pathOf(key)).catch((error: unknown) => {
      throw localProblem(error);
    });
    return size;
  }

  override async remove(key: ObjectKey): Promise<void> {
    await this.volume.remove(key);
  }
}
