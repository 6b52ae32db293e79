import { stat } from 'node:fs/promises';
import { Logger } from '@nestjs/common';
import { CHUNK_BYTES, FollowedFile, inodeOf } from './followed-file.js';
import { openRotatedFiles } from './rotated-files.js';

/** How far a log has been read, kept over restarts. */
export interface LogPosition {
  /** When that was, milliseconds. */
  readonly time: number;
  /** The files that may still grow, the oldest first: the hash of the first line, and the offset behind the last line read, bytes. */
  readonly files: readonly FilePosition[];
}

interface FilePosition {
  readonly first: string;
  readonly offset: number;
}

/** Takes lines; the log is read on when it has resolved, else they come again. */
export type TakeLines = (lines: readonly string[], behind: LogPosition) => Promise<void>;

/**
 * Reads the lines of a log that another program writes and somebody rotates, each once and in order, in bounded memory. Rotation by
 * rename (then the old file is read to its end) and by `copytruncate` are noticed here, also when they happened before.
 */
export class LogFollower {
  private readonly logger = new Logger('Transfers');
  private readonly buffer = Buffer.alloc(CHUNK_BYTES);
  /** The oldest first; the last is the one at `path`, if there is one. */
  private files: FollowedFile[] = [];
  private time: number | undefined;

  /**
   * @param from undefined: the file that is there now, from its beginning
   * @param lingering milliseconds that a file is still looked at after its rotation and its last line: a worker of nginx may be slow
   *   to hear of it
   */
  constructor(
    private readonly path: string,
    private from: LogPosition | undefined,
    private readonly lingering = 10_000,
  ) {}

  /**
   * One piece, 128 KiB at most, of what is new.
   * @returns whether there was anything
   * @throws what `take` throws, and what keeps the log from being read
   */
  async step(take: TakeLines): Promise<boolean> {
    await this.look();
    for (const file of this.files) {
      const chunk = await file.read(this.buffer);
      if (chunk === undefined) continue;
      const behind = { time: Date.now(), files: this.positions(file, chunk.end) };
      await take(chunk.lines, behind);
      file.offset = chunk.end;
      if (file.retiredAt !== undefined) file.retiredAt = performance.now();
      this.time = behind.time;
      return true;
    }
    await this.dropFinished();
    return false;
  }

  async close(): Promise<void> {
    const files = this.files;
    this.files = [];
    await Promise.all(files.map((file) => file.close()));
  }

  private positions(read: FollowedFile, end: number): FilePosition[] {
    return this.files.flatMap((file) => {
      const offset = file === read ? end : file.offset;
      return file.first === undefined || offset === 0 ? [] : [{ first: file.first, offset }];
    });
  }

  /** Whether the file at `path` is another by now. */
  private async look(): Promise<void> {
    if (this.from !== undefined) {
      this.time = this.from.time;
      await this.arrange(this.from.files, this.time);
      this.from = undefined;
      return;
    }
    const current = this.files.at(-1);
    if (await current?.isCut()) {
      await this.arrange(await this.letGoOfCurrent(), this.time);
      return;
    }
    const found = await stat(this.path, { bigint: true }).catch((error: unknown) => {
      // Between the rename and nginx's answer to USR1: it goes on writing to the old one.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    if (found === undefined) return;
    if (current?.inode !== inodeOf(found)) await this.arrange([], this.time);
  }

  /** @returns what is known of it: its content is now in a copy, at best */
  private async letGoOfCurrent(): Promise<FilePosition[]> {
    const current = this.files.pop();
    await current?.close();
    return current?.first === undefined ? [] : [{ first: current.first, offset: current.offset }];
  }

  /**
   * Finds what is to be read: the files that are open, those of `known`, and whatever was rotated after them.
   * @param since where none of them is found: only what was written to later is new, milliseconds; undefined: nothing but the
   *   file at `path`
   */
  private async arrange(known: readonly FilePosition[], since: number | undefined): Promise<void> {
    // The current file first: one that is rotated in between is found twice, not missed.
    const current = await FollowedFile.open(this.path);
    const rotated = await openRotatedFiles(this.path);
    const all = current === undefined ? rotated : [...rotated, current];

    const open = new Map(this.files.map((file) => [file.inode, file]));
    const knownAs = new Map(known.map(({ first, offset }) => [first, offset]));
    const isKnown = ({ inode, first }: FollowedFile): boolean =>
      open.has(inode) || (first !== undefined && knownAs.has(first));
    const newest = all.findLastIndex(isKnown);
    const named: FollowedFile[] = [];
    // From the newest on: while `copytruncate` copies there are two files of one first line, and the one at `path` is right.
    for (const [index, file] of [...all.entries()].reverse()) {
      const kept = open.get(file.inode);
      const offset = knownAs.get(file.first ?? '');
      const isTwice = named.some(({ inode }) => inode === file.inode);
      const isNew =
        file === current || (newest === -1 ? file.modified > (since ?? Infinity) : index > newest);
      if (kept !== undefined) named.unshift(kept);
      // A file may have lost its end with the power of the machine.
      else if (offset !== undefined) file.offset = Math.min(offset, file.size);
      if (kept === undefined && !isTwice && (offset !== undefined || isNew)) named.unshift(file);
      else await file.close();
      knownAs.delete(file.first ?? '');
      open.delete(file.inode);
    }
    if (knownAs.size > 0) {
      this.logger.warn(`${this.path} was rotated and the old file is gone: its last lines may be missing`);
    }
    // Those that have lost their names are still read to their ends.
    this.files = [...open.values(), ...named];
    // While there is no file at `path`, nginx writes to the newest of the others.
    const now = performance.now();
    this.files.forEach((file, index) => {
      file.retiredAt = index === this.files.length - 1 ? undefined : (file.retiredAt ?? now);
    });
  }

  /** Once everything has been read. */
  private async dropFinished(): Promise<void> {
    const tooOld = performance.now() - this.lingering;
    const finished = this.files.filter(({ retiredAt = Infinity }) => retiredAt < tooOld);
    this.files = this.files.filter((file) => !finished.includes(file));
    await Promise.all(finished.map((file) => file.close()));
  }
}
