import { constants } from 'node:fs';
import { type FileHandle, link, open, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf, Failure } from '../failures.js';
import { withinBytes } from '../within-bytes.js';
import type { RemoteFile } from './remote-file.js';
import type { Span } from './spans.js';

/** Bytes that are there or not as one: what is lost when the process is killed, for every connection. */
export const PIECE = 2 ** 20;

/** Bytes of a name beside the target; systems allow 255, and the ending needs some. */
const LONGEST_STEM = 200;

/**
 * A download that is not whole yet, beside its target: `<name>.<the hash's beginning>.part` has the bytes in their places, and `….map` one
 * byte for each piece, which is 1 when it is there. Other content has another name, so pieces of two files never meet.
 */
export class PartFile {
  private constructor(
    private readonly path: string,
    private readonly size: number,
    private readonly file: FileHandle,
    private readonly map: FileHandle,
    private readonly pieces: Buffer,
  ) {}

  /** Goes on with what is there of this content. @throws Failure when it cannot be written */
  static async open(target: string, { size, sha256 }: RemoteFile): Promise<PartFile> {
    const path = join(
      dirname(target),
      `${withinBytes(basename(target), LONGEST_STEM)}.${sha256.slice(0, 16)}.part`,
    );
    const count = Math.ceil(size / PIECE);
    const pieces = await readFile(`${path}.map`).catch(() => Buffer.alloc(0));
    const isThere = pieces.length === count && (await sizeOf(path)) === size;
    try {
      const flags = constants.O_RDWR | constants.O_CREAT | (isThere ? 0 : constants.O_TRUNC);
      const file = await open(path, flags);
      const map = await open(`${path}.map`, flags);
      if (!isThere) {
        await file.truncate(size);
        await map.truncate(count);
      }
      return new PartFile(path, size, file, map, isThere ? pieces : Buffer.alloc(count));
    } catch (error) {
      throw new Failure(`${path} cannot be written (${codeOf(error)}).`);
    }
  }

  /** Runs of pieces that are not there, in order. */
  missing(): Span[] {
    const spans: { first: number; last: number }[] = [];
    for (const [index, there] of this.pieces.entries()) {
      if (there === 1) continue;
      const [first, last] = [index * PIECE, Math.min((index + 1) * PIECE, this.size) - 1];
      const before = spans.at(-1);
      if (before?.last === first - 1) before.last = last;
      else spans.push({ first, last });
    }
    return spans;
  }

  async write(bytes: Uint8Array, offset: number): Promise<void> {
    await this.file.write(bytes, 0, bytes.length, offset);
  }

  /** @param last all bytes from `first`, the beginning of a piece, through this one are there */
  async keep(first: number, last: number): Promise<void> {
    const end = last === this.size - 1 ? this.pieces.length : Math.floor((last + 1) / PIECE);
    const begin = first / PIECE;
    if (end <= begin) return;
    this.pieces.fill(1, begin, end);
    await this.map.write(this.pieces, begin, end - begin, begin);
  }

  read(): AsyncIterable<Buffer> {
    return this.file.createReadStream({ start: 0, autoClose: false, highWaterMark: PIECE });
  }

  /** Becomes the target. @throws Failure when that is there, unless it may be replaced */
  async publish(target: string, replace: boolean): Promise<void> {
    await this.file.sync();
    await this.close();
    if (replace) await rename(this.path, target);
    else await withoutReplacing(this.path, target);
    await rm(`${this.path}.map`, { force: true });
  }

  async discard(): Promise<void> {
    await this.close();
    await rm(this.path, { force: true });
    await rm(`${this.path}.map`, { force: true });
  }

  async close(): Promise<void> {
    await Promise.all([this.file.close(), this.map.close()]);
  }
}

/** A link fails where something is; a rename would put it away. */
async function withoutReplacing(path: string, target: string): Promise<void> {
  try {
    await link(path, target);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw alreadyThere(target);
    // Some file systems have no links.
    if ((await sizeOf(target)) !== undefined) throw alreadyThere(target);
    await rename(path, target);
    return;
  }
  await unlink(path);
}

export function alreadyThere(target: string): Failure {
  return new Failure(`${target} is there already: choose another name (-o) or replace it (--force).`);
}

export function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}
