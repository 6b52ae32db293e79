import type { Readable } from 'node:stream';

/** The bytes of `source` in pieces of exactly `size(index)` bytes, the last one shorter or empty; each once it is whole. */
export async function* partsOf(
  source: Readable,
  size: (index: number) => number,
): AsyncGenerator<{ readonly bytes: Buffer; readonly last: boolean }, void> {
  let chunks: Buffer[] = [];
  let length = 0;
  let index = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    // Only when more has come is it known that a full part is not the last.
    while (length > size(index)) {
      const all = Buffer.concat(chunks, length);
      yield { bytes: all.subarray(0, size(index)), last: false };
      const rest = Buffer.from(all.subarray(size(index)));
      chunks = [rest];
      length = rest.length;
      index += 1;
    }
  }
  yield { bytes: Buffer.concat(chunks, length), last: true };
}
