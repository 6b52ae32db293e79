import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { constants, copyFile, type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ObjectKey } from '../object-key.js';
import { ObjectExists } from '../object-store.js';
import { type OpenUpload, PartLength, type PartPlace, PartStore } from '../part-store.js';
import { batchesOf, localProblem, type LocalVolume, writeAll } from './local-volume.js';
import { preallocate } from './preallocate.js';
import { SteadySync } from './steady-sync.js';

/** The unfinished object of an upload in parts. */
export const PARTS_NAME = 'parts';

/** Tag of a part in the common file. */
const COMMON = '';

/**
 * One file with room for the whole, into which each part is written at its offset; being whole it is renamed. Nothing keeps a process that
 * stood still from a write that it had begun: a part that such a one may yet write is a file of its own, and then the whole is copied once.
 */
export class LocalPartStore extends PartStore {
  override readonly minPartSize = 1;

  constructor(private readonly volume: LocalVolume) {
    super();
  }

  override async begin(key: ObjectKey, size: number): Promise<string> {
    const path = this.volume.temporaryPathOf(key, PARTS_NAME);
    try {
      const file = await this.volume.createTemporary(path);
      try {
        await preallocate(file, path, size);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.volume.keepTemporary(path);
      return PARTS_NAME;
    } catch (error) {
      await rm(path, { force: true });
      throw localProblem(error);
    }
  }

  override async writePart(
    { key }: OpenUpload,
    { offset, size, apart }: PartPlace,
    source: Readable,
    signal: AbortSignal,
  ): Promise<string> {
    const common = this.volume.temporaryPathOf(key, PARTS_NAME);
    const tag = apart === undefined ? COMMON : `${offset}-${apart}`;
    const at = apart === undefined ? offset : 0;
    try {
      const file = await (apart === undefined ? open(common, 'r+') : this.openApart(common, key, tag));
      try {
        const disk = new SteadySync(file);
        let length = 0;
        for await (const batch of batchesOf(addAbortSignal(signal, source))) {
          if (length + lengthOf(batch) > size) throw new PartLength('the part goes on beyond its place');
          length += await writeAll(file, batch, at + length);
          disk.wrote(length);
        }
        if (length < size) throw new PartLength('the part ends before its place does');
        await disk.end();
      } finally {
        await file.close();
      }
      if (tag !== COMMON) await this.volume.keepTemporary(common);
      return tag;
    } catch (error) {
      source.destroy();
      throw localProblem(error);
    }
  }

  override async complete({ key, size }: OpenUpload, tags: readonly string[]): Promise<undefined> {
    const apart = tags.filter((tag) => tag !== COMMON);
    try {
      if (apart.length > 0) await this.assemble(key, apart);
      await this.nameWhole(key, size);
      if (apart.length > 0) await this.volume.removeTemporaries(key);
    } catch (error) {
      throw localProblem(error);
    }
  }

  private async nameWhole(key: ObjectKey, size: number): Promise<void> {
    const temporary = this.volume.temporaryPathOf(key, PARTS_NAME);
    const published = await sizeOf(this.volume.pathOf(key));
    if ((await sizeOf(temporary)) === undefined) {
      // An earlier attempt came as far as this.
      if (published !== size) await stat(temporary);
      await this.volume.keep(key);
    } else if (published === undefined) {
      await this.volume.publish(temporary, key);
    } else {
      // An earlier attempt came as far as taking the name.
      if (published > 0) throw new ObjectExists('the key is taken');
      await rename(temporary, this.volume.pathOf(key));
      await this.volume.keep(key);
    }
  }

  /** Fails when the upload has gone: a file of this name would be found by nobody. */
  private async openApart(common: string, key: ObjectKey, tag: string): Promise<FileHandle> {
    await stat(common);
    return this.volume.createTemporary(this.volume.temporaryPathOf(key, tag));
  }

  /** Puts a file in the place of the common one that nobody but us has ever opened. Does nothing when the object has its name already. */
  private async assemble(key: ObjectKey, tags: readonly string[]): Promise<void> {
    const common = this.volume.temporaryPathOf(key, PARTS_NAME);
    if ((await sizeOf(common)) === undefined) return;
    const whole = this.volume.temporaryPathOf(key, `whole-${randomUUID()}`);
    try {
      await copyFile(common, whole, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      for (const tag of tags) {
        const into = createWriteStream(whole, {
          flags: 'r+',
          start: Number(tag.split('-', 1)[0]),
          flush: true,
        });
        await pipeline(createReadStream(this.volume.temporaryPathOf(key, tag)), into);
      }
      await rename(whole, common);
    } catch (error) {
      await rm(whole, { force: true });
      throw error;
    }
  }
}

function lengthOf(batch: readonly Buffer[]): number {
  return batch.reduce((sum, { length }) => sum + length, 0);
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}
