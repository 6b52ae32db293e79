import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { codeOf, Failure, FileChanged } from '../failures.js';

/** Bytes inclusive, as in the service's challenges. */
type Range = readonly [from: number, to: number];

const READ_SIZE = 4 * 2 ** 20;

/** A local file that must stay as it is while it is uploaded. */
export class SourceFile {
  private constructor(
    /** Absolute, without symbolic links. */
    readonly path: string,
    /** Bytes. */
    readonly size: number,
    /** Last change of the content, ns since 1970. */
    readonly mtime: bigint,
    private readonly file: FileHandle,
  ) {}

  /** @throws Failure when it cannot be read, or is no regular file */
  static async open(path: string): Promise<SourceFile> {
    let file: FileHandle | undefined;
    try {
      // Without waiting: a pipe without a writer would keep us for ever.
      file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const stat = await file.stat({ bigint: true });
      if (!stat.isFile()) throw new Failure(`${path} is not a file: only files can be uploaded.`);
      return new SourceFile(await realpath(path), Number(stat.size), stat.mtimeNs, file);
    } catch (error) {
      await file?.close();
      throw error instanceof Failure ? error : new Failure(`${path} cannot be read (${codeOf(error)}).`);
    }
  }

  /** @throws FileChanged when there are not so many bytes any more */
  async read(offset: number, length: number): Promise<Buffer<ArrayBuffer>> {
    const buffer = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.file.read(buffer, filled, length - filled, offset + filled);
      if (bytesRead === 0) throw this.changed();
      filled += bytesRead;
    }
    return buffer;
  }

  /** SHA-256 of all bytes, hex. */
  async sha256(onBytes: (count: number) => void, signal: AbortSignal): Promise<string> {
    const hash = createHash('sha256');
    for await (const bytes of this.bytesOf([0, this.size - 1])) {
      signal.throwIfAborted();
      hash.update(bytes);
      onBytes(bytes.length);
    }
    return hash.digest('hex');
  }

  /** SHA-256 of the nonce and then the ranges, in order, hex: what a challenge asks for. */
  async proof(nonce: string, ranges: readonly Range[]): Promise<string> {
    const hash = createHash('sha256').update(Buffer.from(nonce, 'hex'));
    for (const range of ranges) for await (const bytes of this.bytesOf(range)) hash.update(bytes);
    return hash.digest('hex');
  }

  /** @throws FileChanged when the file is not the one that was opened; a file that grows is not either */
  async assertUnchanged(): Promise<void> {
    const { size, mtimeNs } = await this.file.stat({ bigint: true });
    if (Number(size) !== this.size || mtimeNs !== this.mtime) throw this.changed();
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private async *bytesOf([from, to]: Range): AsyncGenerator<Buffer> {
    for (let offset = from; offset <= to; offset += READ_SIZE)
      yield await this.read(offset, Math.min(READ_SIZE, to + 1 - offset));
  }

  private changed(): FileChanged {
    return new FileChanged(`${this.path} has changed while it was uploaded: nothing is published.`);
  }
}
