import { Allowance, type Rate } from './allowance.js';
import type { TokenBucket } from './token-bucket.js';

/** Slows a body down, holding no more than one of its chunks; ends it with AbortError when `signal` aborts. */
export type Shape = (body: AsyncIterable<Buffer>, signal: AbortSignal) => AsyncIterable<Buffer>;

/** Cuts the chunks of a body so that each piece goes out when `bucket` grants it. */
export async function* shaped(
  body: AsyncIterable<Buffer>,
  bucket: TokenBucket,
  rate: Rate,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const allowance = new Allowance(bucket, rate);
  for await (const chunk of body) {
    for (let sent = 0; sent < chunk.length;) {
      const bytes = await allowance.spend(chunk.length - sent, signal);
      yield chunk.subarray(sent, sent + bytes);
      sent += bytes;
    }
  }
}
