import { Readable } from 'node:stream';
import { countDead } from './dead-buffers.js';

/**
 * A stream whose buffers can be used again. Who gives a chunk back by `reuse` must have finished with its bytes; a chunk that is not
 * given back is left to the garbage collector, which comes late for memory outside its heap (docs/adr/0006).
 */
export abstract class ReusingReadable extends Readable {
  abstract reuse(chunk: Buffer): void;
}

/** The chunks of `source`, each of them valid until the next one is asked for. */
export async function* chunksOf(source: Readable): AsyncGenerator<Buffer, void> {
  for await (const chunk of source as AsyncIterable<Buffer>) {
    yield chunk;
    if (source instanceof ReusingReadable) source.reuse(chunk);
    else countDead(chunk.length);
  }
}
