import { Readable } from 'node:stream';
import { SAMPLE_LENGTH } from './type-detection.js';

/**
 * The bytes of `source`, unchanged, as long as `look` lets them: it is given the first `SAMPLE_LENGTH` bytes, or all there are, before
 * the last of them is passed on. What it throws, the stream fails with. Fails and ends with `source`, and destroys it when it is destroyed.
 */
export function lookingAtFirstBytes(
  source: Readable,
  look: (firstBytes: Uint8Array) => Promise<void>,
): Readable {
  const passed = Readable.from(pass(source, look), { objectMode: true, highWaterMark: 1 });
  // A generator that waits for its next chunk does not hear that nobody wants it any more.
  passed.once('close', () => source.destroy());
  return passed;
}

async function* pass(
  source: Readable,
  look: (firstBytes: Uint8Array) => Promise<void>,
): AsyncGenerator<Buffer, void> {
  const sample = new Uint8Array(SAMPLE_LENGTH);
  let length = 0;
  let hasLooked = false;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    if (!hasLooked) {
      const taken = chunk.subarray(0, SAMPLE_LENGTH - length);
      sample.set(taken, length);
      length += taken.length;
      hasLooked = length === SAMPLE_LENGTH;
      if (hasLooked) await look(sample);
    }
    yield chunk;
  }
  if (!hasLooked) await look(sample.subarray(0, length));
}
