import type { FileHandle } from 'node:fs/promises';
import type { ByteRange } from '../../../common/http/index.js';
import { ReusingReadable } from '../reusing-readable.js';

/** Bytes per read. With what is waiting in the stream and in the socket it bounds the memory of one transfer. */
const CHUNK = 64 * 1024;

/** Exactly the bytes of a range of a file, which it closes; a file that ends earlier is an error, never a short body. */
export class FileRange extends ReusingReadable {
  private position: number;
  private readonly idle: Buffer[] = [];

  constructor(
    private readonly file: FileHandle,
    private readonly range: ByteRange,
  ) {
    super({ highWaterMark: CHUNK });
    this.position = range.first;
  }

  override _read(): void {
    const missing = this.range.last + 1 - this.position;
    if (missing <= 0) {
      this.push(null);
      return;
    }
    const length = Math.min(CHUNK, missing);
    this.file.read(this.idle.pop() ?? Buffer.allocUnsafeSlow(CHUNK), 0, length, this.position).then(
      ({ bytesRead, buffer }) => {
        if (bytesRead === 0) {
          this.destroy(new Error(`the object ends ${missing} bytes early`));
          return;
        }
        this.position += bytesRead;
        this.push(bytesRead === CHUNK ? buffer : buffer.subarray(0, bytesRead));
      },
      (error: unknown) => {
        this.destroy(error as Error);
      },
    );
  }

  override reuse(chunk: Buffer): void {
    if (chunk.length === CHUNK) this.idle.push(chunk);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.file.close().then(
      () => {
        done(error);
      },
      (closing: unknown) => {
        done(error ?? (closing as Error));
      },
    );
  }
}
