import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

/** Bytes read at a time; also the longest line. nginx's own are a few KiB at most. */
export const CHUNK_BYTES = 128 * 1024;

/** Of the first line, at most; time, instance and request id stand before that. */
const FIRST_BYTES = 512;

const NEWLINE = 0x0a;

export interface Chunk {
  /** Without their ends; never empty ones. */
  readonly lines: readonly string[];
  /** Offset behind the last of them. */
  readonly end: number;
}

/**
 * One file of a log, open for reading, and how far it has been read. It is known again by its first line, which holds a random
 * request id: an inode's number is used again when a file is gone, and is another in a copy.
 */
export class FollowedFile {
  /** When it was rotated, or read last after that, by the monotonic clock, milliseconds. Undefined: nginx is to write to it. */
  retiredAt: number | undefined;

  /** When it had last been written to as its first line was looked at, milliseconds. */
  private checked: number | undefined;

  private constructor(
    private readonly handle: FileHandle,
    /** Device and inode: exact while the file is open. */
    readonly inode: string,
    /** When it was opened: when it was last written to, milliseconds, and its bytes. */
    readonly modified: number,
    readonly size: number,
    /** Hash of its first line; undefined while that is not whole. */
    public first: string | undefined,
    /** Bytes. */
    public offset: number,
  ) {}

  /** @returns undefined when there is no such file. @throws what else keeps it from being read */
  static async open(path: string): Promise<FollowedFile | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      const stats = await handle.stat({ bigint: true });
      const [modified, size] = [Number(stats.mtimeNs) / 1e6, Number(stats.size)];
      return new FollowedFile(handle, inodeOf(stats), modified, size, await firstOf(handle), 0);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Whether it has been cut, and perhaps filled anew, since it was read last: logrotate's `copytruncate`. */
  async isCut(): Promise<boolean> {
    const { size, mtimeMs } = await this.handle.stat();
    if (size < this.offset) return true;
    if (size === this.offset && mtimeMs === this.checked) return false;
    this.checked = mtimeMs;
    const first = await firstOf(this.handle);
    this.first ??= first;
    return first !== this.first;
  }

  /**
   * The next whole lines, without going on to them. A line that is longer than the buffer comes in pieces.
   * @param buffer CHUNK_BYTES long
   * @returns undefined when there is none
   */
  async read(buffer: Buffer): Promise<Chunk | undefined> {
    const { bytesRead } = await this.handle.read(buffer, 0, CHUNK_BYTES, this.offset);
    const newline = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    const length = newline === -1 && bytesRead === CHUNK_BYTES ? bytesRead : newline + 1;
    if (length === 0) return undefined;
    if (this.offset === 0) this.first = await firstOf(this.handle);
    const lines = buffer.toString('utf8', 0, length).split('\n');
    return { lines: lines.filter((line) => line !== ''), end: this.offset + length };
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/** What `FollowedFile.inode` would be. */
export function inodeOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}:${ino}`;
}

async function firstOf(handle: FileHandle): Promise<string | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(FIRST_BYTES), 0, FIRST_BYTES, 0);
  const newline = buffer.subarray(0, bytesRead).indexOf(NEWLINE);
  if (newline === -1 && bytesRead < FIRST_BYTES) return undefined;
  const line = buffer.subarray(0, newline === -1 ? FIRST_BYTES : newline);
  return createHash('sha256').update(line).digest('base64url');
}
