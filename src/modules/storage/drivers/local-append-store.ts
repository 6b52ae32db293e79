import { type FileHandle, open } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { AppendStore } from '../append-store.js';
import type { OpenUpload } from '../part-store.js';
import { PARTS_NAME } from './local-part-store.js';
import { localProblem, type LocalVolume, writeAll } from './local-volume.js';

/** Bytes, and milliseconds, after which what has come is made to last: as much may have to be sent again after a crash. */
const STEP = 64 * 2 ** 20;
const STEP_TIME = 10_000;

/** Into the file that `LocalPartStore` has begun. */
export class LocalAppendStore extends AppendStore {
  constructor(private readonly volume: LocalVolume) {
    super();
  }

  override async append(
    { key }: OpenUpload,
    offset: number,
    source: Readable,
    signal: AbortSignal,
    kept: (through: number) => Promise<void>,
  ): Promise<void> {
    try {
      const file = await open(this.volume.temporaryPathOf(key, PARTS_NAME), 'r+');
      const written = new Written(file, offset, kept);
      try {
        for await (const chunk of addAbortSignal(signal, source)) await written.write(chunk as Buffer);
        await written.keep();
      } catch (error) {
        // Why it stopped is what counts, not what else goes wrong after that.
        await written.keep().catch(() => undefined);
        throw error;
      } finally {
        await file.close();
      }
    } catch (error) {
      source.destroy();
      throw localProblem(error);
    }
  }
}

class Written {
  private safe: number;
  private since = performance.now();

  constructor(
    private readonly file: FileHandle,
    private through: number,
    private readonly kept: (through: number) => Promise<void>,
  ) {
    this.safe = through;
  }

  async write(chunk: Buffer): Promise<void> {
    await writeAll(this.file, chunk, this.through);
    this.through += chunk.length;
    if (this.through - this.safe >= STEP || performance.now() - this.since >= STEP_TIME) await this.keep();
  }

  async keep(): Promise<void> {
    if (this.through === this.safe) return;
    const { through } = this;
    await this.file.datasync();
    this.safe = through;
    this.since = performance.now();
    await this.kept(through);
  }
}
