import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { ByteRange } from '../../../common/http/index.js';
import { chunksOf } from '../reusing-readable.js';
import type { Representation } from './representation.js';

/** A `multipart/byteranges` body (RFC 9110 §14.6): its type, exact length and bytes. */
export interface MultipartRanges {
  readonly contentType: string;
  readonly length: number;
  /** Each chunk is valid until the next one is asked for. */
  body(open: (range: ByteRange) => Promise<Readable>): AsyncGenerator<Buffer, void>;
}

export function multipartRanges(
  representation: Representation,
  ranges: readonly ByteRange[],
): MultipartRanges {
  const boundary = randomBytes(16).toString('hex');
  const parts = ranges.map((range) => ({
    range,
    head: Buffer.from(
      `\r\n--${boundary}\r\nContent-Type: ${representation.contentType}\r\n` +
        `Content-Range: ${contentRange(range, representation.size)}\r\n\r\n`,
      'latin1',
    ),
  }));
  const end = Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1');
  return {
    contentType: `multipart/byteranges; boundary=${boundary}`,
    length: parts.reduce(
      (sum, { head, range }) => sum + head.length + range.last - range.first + 1,
      end.length,
    ),
    async *body(open) {
      for (const { head, range } of parts) {
        yield head;
        yield* chunksOf(await open(range));
      }
      yield end;
    },
  };
}

export function contentRange(range: ByteRange, size: number): string {
  return `bytes ${range.first}-${range.last}/${size}`;
}
