import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import type { ByteRange } from '../../../common/http/index.js';
import type { ObjectKey } from '../object-key.js';
import { FileRange } from './file-range.js';
import { ObjectExists, ObjectNotFound, ObjectStore, VolumeFull } from '../object-store.js';

/** Unfinished writes, on the same file system as the objects so that publishing is a rename. */
export const TEMPORARY_FOLDER = '.tmp';

/** Objects as files below `root`. */
export class LocalObjectStore extends ObjectStore {
  /** Folders whose own names are known to be on the disk: at most 256 a tenant. */
  private readonly durable = new Set<string>();

  constructor(private readonly root: string) {
    super();
  }

  override async write(key: ObjectKey, source: Readable, signal: AbortSignal): Promise<undefined> {
    const temporary = join(
      this.root,
      TEMPORARY_FOLDER,
      temporaryPrefix(key) + randomBytes(8).toString('hex'),
    );
    try {
      const file = await this.createFile(temporary);
      try {
        for await (const chunk of addAbortSignal(signal, source)) await writeAll(file, chunk as Buffer);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.publish(temporary, this.pathOf(key));
    } catch (error) {
      source.destroy();
      await rm(temporary, { force: true });
      throw translate(error);
    }
  }

  override async read(key: ObjectKey, range: ByteRange, signal: AbortSignal): Promise<Readable> {
    const file = await open(this.pathOf(key), 'r').catch((error: unknown) => {
      throw translate(error);
    });
    return addAbortSignal(signal, new FileRange(file, range));
  }

  override async size(key: ObjectKey): Promise<number> {
    const { size } = await stat(this.pathOf(key)).catch((error: unknown) => {
      throw translate(error);
    });
    return size;
  }

  override async remove(key: ObjectKey): Promise<void> {
    // What an interrupted write has left goes too.
    const unfinished = join(this.root, TEMPORARY_FOLDER);
    for (const name of await readdir(unfinished).catch(() => [])) {
      if (name.startsWith(temporaryPrefix(key))) await rm(join(unfinished, name), { force: true });
    }
    await rm(this.pathOf(key), { force: true });
  }

  /**
   * Gives the finished file its name. `rename` would replace an object of that name, and a hard link is not to be had on
   * every network file system: so the name is taken first, by an empty file that only one can create.
   */
  private async publish(temporary: string, path: string): Promise<void> {
    const folder = dirname(path);
    await mkdir(folder, { recursive: true, mode: 0o750 });
    await (await open(path, 'wx', 0o640)).close();
    try {
      await rename(temporary, path);
    } catch (error) {
      await unlink(path);
      throw error;
    }
    await syncFolder(folder);
    await this.syncParents(folder);
  }

  /** The names of the folders must survive a crash too. Whoever made them: it may not have got as far as this. */
  private async syncParents(folder: string): Promise<void> {
    for (let at = folder; at !== this.root && !this.durable.has(at); at = dirname(at)) {
      await syncFolder(dirname(at));
      this.durable.add(at);
    }
  }

  private async createFile(path: string): Promise<FileHandle> {
    try {
      return await open(path, 'wx', 0o640);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      await mkdir(dirname(path), { recursive: true, mode: 0o750 });
      return await open(path, 'wx', 0o640);
    }
  }

  private pathOf(key: ObjectKey): string {
    return join(this.root, key);
  }
}

/** An unfinished write is known by its key, so that a sweep finds it. */
function temporaryPrefix(key: ObjectKey): string {
  return `${key.replaceAll('/', '-')}.`;
}

/** One write may take less than it was given. */
async function writeAll(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    written += (await file.write(chunk, written)).bytesWritten;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function translate(error: unknown): unknown {
  if (hasCode(error, 'ENOENT')) return new ObjectNotFound('no such object', { cause: error });
  if (hasCode(error, 'EEXIST')) return new ObjectExists('the key is taken', { cause: error });
  if (hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT'))
    return new VolumeFull('no room', { cause: error });
  return error;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
