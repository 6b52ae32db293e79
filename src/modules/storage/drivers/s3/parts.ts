import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';

/** Bytes that a source begins with: many are small. */
const FIRST_ROOM = 64 * 1024;
/** How much larger its room becomes each time it is too small. */
const GROWTH = 4;

/** A piece of an object on its way to the store. */
export class Part {
  private length = 0;
  private readonly hash = createHash('sha256');

  /** @param size in bytes, when it is full */
  constructor(
    readonly size: number,
    private memory: Buffer,
  ) {}

  get bytes(): Buffer {
    return this.memory.subarray(0, this.length);
  }

  /** Of its bytes, in hex; once. Taken while they came in: 8 MiB at a time would keep everybody waiting for 5 ms. */
  sha256(): string {
    return this.hash.digest('hex');
  }

  /** @returns what did not fit in */
  fill(chunk: Buffer): Buffer {
    const taken = chunk.subarray(0, this.size - this.length);
    const length = this.length + taken.length;
    if (length > this.memory.length) {
      const larger = Buffer.allocUnsafeSlow(
        Math.min(this.size, Math.max(length, GROWTH * this.memory.length)),
      );
      this.memory.copy(larger, 0, 0, this.length);
      this.memory = larger;
    }
    taken.copy(this.memory, this.length);
    this.hash.update(taken);
    this.length = length;
    return chunk.subarray(taken.length);
  }

  /** Ends its use; its memory may serve another. */
  release(): Buffer {
    return this.memory;
  }
}

/**
 * Cuts `source` in parts of exactly `sizeOf(index)` bytes, the last one shorter or empty, and gives out each once it is whole. Copies
 * what it reads, so that the source's buffers are dead at once, into as many buffers as parts are in use: `put` gives a part back.
 */
export class Parts {
  private readonly free: Buffer[] = [];

  constructor(
    private readonly source: Readable,
    private readonly sizeOf: (index: number) => number,
  ) {}

  async *read(): AsyncGenerator<{ readonly part: Part; readonly last: boolean }, void> {
    let index = 0;
    let part = new Part(this.sizeOf(0), Buffer.allocUnsafeSlow(FIRST_ROOM));
    for await (const chunk of this.source as AsyncIterable<Buffer>) {
      // Only when more has come is it known that a full part is not the last.
      for (let rest = part.fill(chunk); rest.length > 0; rest = part.fill(rest)) {
        yield { part, last: false };
        index += 1;
        part = this.next(this.sizeOf(index));
      }
    }
    yield { part, last: true };
  }

  put(part: Part): void {
    this.free.push(part.release());
  }

  private next(size: number): Part {
    const used = this.free.pop();
    return new Part(size, used?.length === size ? used : Buffer.allocUnsafeSlow(size));
  }
}
