import { type FileHandle, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { ObjectKey } from '../object-key.js';
import { ReusingReadable } from '../reusing-readable.js';
import { ObjectExists, ObjectNotFound, VolumeFull } from '../object-store.js';

/** Unfinished writes, on the same file system as the objects so that publishing is a rename. */
export const TEMPORARY_FOLDER = '.tmp';

/** The folder of a volume: where its objects are, and where they are before they are whole. */
export class LocalVolume {
  /** Folders whose own names are known to be on the disk: at most 256 a tenant. */
  private readonly durable = new Set<string>();

  constructor(private readonly root: string) {}

  pathOf(key: ObjectKey): string {
    return join(this.root, key);
  }

  /** Of an unfinished write. It is known by its key, so that a sweep finds it. */
  temporaryPathOf(key: ObjectKey, name: string): string {
    return join(this.root, TEMPORARY_FOLDER, temporaryPrefix(key) + name);
  }

  /** @throws an error with the code EEXIST when the name is taken */
  async createTemporary(path: string): Promise<FileHandle> {
    try {
      return await open(path, 'wx', 0o640);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      await mkdir(dirname(path), { recursive: true, mode: 0o750 });
      return await open(path, 'wx', 0o640);
    }
  }

  /** From then on the temporary file is found again after a crash. */
  async keepTemporary(path: string): Promise<void> {
    await syncFolder(dirname(path));
    await this.syncParents(dirname(path));
  }

  /**
   * Gives the finished file its name. `rename` would replace an object of that name, and a hard link is not to be had on
   * every network file system: so the name is taken first, by an empty file that only one can create.
   */
  async publish(temporary: string, key: ObjectKey): Promise<void> {
    const path = this.pathOf(key);
    await mkdir(dirname(path), { recursive: true, mode: 0o750 });
    const taken = await takeName(path);
    try {
      await rename(temporary, path);
    } catch (error) {
      // Not the object that another replica, which took this one for dead, has meanwhile put in the place.
      if ((await inodeOf(path)) === taken) await unlink(path);
      throw error;
    }
    await this.keep(key);
  }

  /** The object's name, and those of the folders above it, must survive a crash. Whoever made them: it may not have got as far as this. */
  async keep(key: ObjectKey): Promise<void> {
    const folder = dirname(this.pathOf(key));
    await syncFolder(folder);
    await this.syncParents(folder);
  }

  /** Also what interrupted writes have left. */
  async remove(key: ObjectKey): Promise<void> {
    await this.removeTemporaries(key);
    await rm(this.pathOf(key), { force: true });
  }

  async removeTemporaries(key: ObjectKey): Promise<void> {
    const unfinished = join(this.root, TEMPORARY_FOLDER);
    for (const name of await readdir(unfinished).catch(() => [])) {
      if (name.startsWith(temporaryPrefix(key))) await rm(join(unfinished, name), { force: true });
    }
  }

  private async syncParents(folder: string): Promise<void> {
    for (let at = folder; at !== this.root && !this.durable.has(at); at = dirname(at)) {
      await syncFolder(dirname(at));
      this.durable.add(at);
    }
  }
}

function temporaryPrefix(key: ObjectKey): string {
  return `${key.replaceAll('/', '-')}.`;
}

/** @returns the inode of the empty file */
async function takeName(path: string): Promise<bigint> {
  const file = await open(path, 'wx', 0o640);
  try {
    return (await file.stat({ bigint: true })).ino;
  } finally {
    await file.close();
  }
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  return (await stat(path, { bigint: true }).catch(() => undefined))?.ino;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The bytes of `source` as they come: what has come in while one batch is written is the next. Each is valid until the next one is asked for. */
export async function* batchesOf(source: Readable): AsyncGenerator<Buffer[], void> {
  for await (const first of source as AsyncIterable<Buffer>) {
    const batch = [first];
    for (let next = nextOf(source); next !== null; next = nextOf(source)) batch.push(next);
    yield batch;
    if (source instanceof ReusingReadable) for (const piece of batch) source.reuse(piece);
  }
}

function nextOf(source: Readable): Buffer | null {
  return source.read() as Buffer | null;
}

/**
 * One write may take less than it was given.
 * @param position of the first byte
 * @returns how many bytes there were
 */
export async function writeAll(
  file: FileHandle,
  batch: readonly Buffer[],
  position: number,
): Promise<number> {
  let written = 0;
  for (let rest = batch.filter(({ length }) => length > 0); rest.length > 0;) {
    const { bytesWritten } = await file.writev(rest, position + written);
    written += bytesWritten;
    rest = withoutFirst(rest, bytesWritten);
  }
  return written;
}

function withoutFirst(batch: readonly Buffer[], bytes: number): Buffer[] {
  const rest: Buffer[] = [];
  let skipped = bytes;
  for (const piece of batch) {
    if (skipped < piece.length) rest.push(skipped === 0 ? piece : piece.subarray(skipped));
    skipped = Math.max(0, skipped - piece.length);
  }
  return rest;
}

/** What the file system says, as stores say it. */
export function localProblem(error: unknown): unknown {
  if (hasCode(error, 'ENOENT')) return new ObjectNotFound('no such object', { cause: error });
  if (hasCode(error, 'EEXIST')) return new ObjectExists('the key is taken', { cause: error });
  if (hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT'))
    return new VolumeFull('no room', { cause: error });
  return error;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
