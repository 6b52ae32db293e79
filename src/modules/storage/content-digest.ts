import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32 } from '@node-rs/crc32';
import { countDead } from './dead-buffers.js';

/** What the bytes of a blob are known by. */
export interface ContentFacts {
  /** 64 hex digits. */
  readonly sha256: string;
  /** CRC-32 of ZIP and gzip (ISO 3309), unsigned. */
  readonly crc32: number;
  /** Bytes. */
  readonly size: number;
}

/** Takes the hash, checksum and count of bytes that pass through. */
export class ContentDigest {
  private readonly hash = createHash('sha256');
  private checksum = 0;
  private count = 0;

  /**
   * The bytes of `source`, unchanged. It fails when the source does, also when that closes without an end, as a form does that is cut off;
   * and when it is destroyed, so is the source. Holds one chunk, where a Transform would hold two buffers full.
   */
  through(source: Readable): Readable {
    const passed = Readable.from(this.take(source), { objectMode: true, highWaterMark: 1 });
    // A generator that waits for its next chunk does not hear that nobody wants it any more.
    passed.once('close', () => source.destroy());
    return passed;
  }

  /** Once, after the stream has ended. */
  facts(): ContentFacts {
    return { sha256: this.hash.digest('hex'), crc32: this.checksum, size: this.count };
  }

  private async *take(source: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      this.hash.update(chunk);
      this.checksum = crc32(chunk, this.checksum);
      this.count += chunk.length;
      yield chunk;
      countDead(chunk.length);
    }
  }
}
