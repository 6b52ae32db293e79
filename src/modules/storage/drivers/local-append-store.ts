import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppendStore } from '../append-store.js';
import type { OpenUpload } from '../part-store.js';
import { PARTS_NAME } from './local-part-store.js';
import { batchesOf, localProblem, type LocalVolume, writeAll } from './local-volume.js';
import { preallocate } from './preallocate.js';

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
        for await (const batch of batchesOf(addAbortSignal(signal, source))) await written.write(batch);
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

  /** By another file of that name, which nobody else has open. */
  override async detach({ key, size }: OpenUpload, through: number): Promise<void> {
    const common = this.volume.temporaryPathOf(key, PARTS_NAME);
    const copy = this.volume.temporaryPathOf(key, `copy-${randomUUID()}`);
    try {
      const file = await this.volume.createTemporary(copy);
      try {
        await preallocate(file, copy, size);
        if (through > 0) {
          const into = createWriteStream(copy, { flags: 'r+' });
          await pipeline(createReadStream(common, { end: through - 1 }), into);
        }
        await file.sync();
      } finally {
        await file.close();
      }
      // Given up meanwhile, it would come back by this.
      await stat(common);
      await rename(copy, common);
      await this.volume.keepTemporary(common);
    } catch (error) {
      await rm(copy, { force: true });
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

  async write(batch: readonly Buffer[]): Promise<void> {
    this.through += await writeAll(this.file, batch, this.through);
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
