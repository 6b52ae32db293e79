import { open, rename, rm, stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import type { ObjectKey } from '../object-key.js';
import { ObjectExists } from '../object-store.js';
import { type OpenUpload, PartLength, type PartPlace, PartStore } from '../part-store.js';
import { localProblem, type LocalVolume, writeAll } from './local-volume.js';
import { preallocate } from './preallocate.js';

/** The unfinished object of an upload in parts. */
export const PARTS_NAME = 'parts';

/** One file with room for the whole, into which each part is written at its offset; being whole it is renamed. */
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
    { offset, size }: PartPlace,
    source: Readable,
    signal: AbortSignal,
  ): Promise<string> {
    try {
      const file = await open(this.volume.temporaryPathOf(key, PARTS_NAME), 'r+');
      try {
        let length = 0;
        for await (const chunk of addAbortSignal(signal, source) as AsyncIterable<Buffer>) {
          if (length + chunk.length > size) throw new PartLength('the part goes on beyond its place');
          await writeAll(file, chunk, offset + length);
          length += chunk.length;
        }
        if (length < size) throw new PartLength('the part ends before its place does');
        await file.datasync();
      } finally {
        await file.close();
      }
      return '';
    } catch (error) {
      source.destroy();
      throw localProblem(error);
    }
  }

  override async complete({ key, size }: OpenUpload): Promise<undefined> {
    const temporary = this.volume.temporaryPathOf(key, PARTS_NAME);
    const published = await sizeOf(this.volume.pathOf(key));
    try {
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
    } catch (error) {
      throw localProblem(error);
    }
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}
