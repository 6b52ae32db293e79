import type { Readable } from 'node:stream';

/** A body that is taken in pieces of chosen lengths. */
export class BodyPieces {
  private rest: Buffer = Buffer.alloc(0);
  private readonly chunks: AsyncIterator<Buffer>;

  constructor(source: Readable) {
    this.chunks = (source as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** Whether there is more; waits for it. @throws what the source fails with */
  async more(): Promise<boolean> {
    while (this.rest.length === 0) {
      const next = await this.chunks.next();
      if (next.done === true) return false;
      this.rest = next.value;
    }
    return true;
  }

  /** The next `count` bytes, as they come; fewer when there are no more. @throws what the source fails with */
  async *next(count: number): AsyncGenerator<Buffer, void> {
    for (let left = count; left > 0 && (await this.more());) {
      const piece = this.rest.subarray(0, left);
      this.rest = this.rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }
}
