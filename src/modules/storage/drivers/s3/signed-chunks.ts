import { createHmac } from 'node:crypto';
import { PartLength } from '../../part-store.js';
import { sha256, type Signature } from './signature-v4.js';

/** What stands for the hash of a body whose pieces are signed one by one. */
export const SIGNED_CHUNKS = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
/** Bytes of a piece: more than a socket takes without waiting, so that none is overwritten before the kernel has it. */
const CHUNK = 256 * 1024;
/** Signs of a piece's head beside the digits of its length: `;chunk-signature=`, 64 digits, CRLF. */
const HEAD = 17 + 64 + 2;
const EMPTY = sha256('');

/** @param size of the body, bytes @returns how long it is with its signatures */
export function signedLength(size: number, chunk = CHUNK): number {
  const whole = Math.floor(size / chunk);
  const rest = size % chunk;
  return whole * framed(chunk) + (rest > 0 ? framed(rest) : 0) + framed(0);
}

/**
 * A body whose hash nobody knows yet, in pieces that each carry a signature over their bytes and over the signature before, beginning
 * with that of the request (AWS Signature Version 4, "Transferring Payload in Multiple Chunks"). The store refuses the whole when a bit
 * of it is another.
 * @param seed signature of the request's headers
 * @param source each of its chunks is valid until the next one is asked for
 * @param size of the body, bytes
 * @returns pieces, each valid until the next one is asked for; the last ones come only when `source` has ended where it should
 * @throws PartLength when it ends early or late
 */
export async function* signedChunks(
  seed: Signature,
  source: AsyncIterable<Buffer>,
  size: number,
  chunk = CHUNK,
): AsyncGenerator<Buffer, void> {
  const head = chunk.toString(16).length + HEAD;
  const memory = Buffer.allocUnsafeSlow(head + Math.min(chunk, size) + 2);
  let { signature } = seed;
  let filled = 0;
  let taken = 0;

  const frame = (): Buffer => {
    const bytes = memory.subarray(head, head + filled);
    signature = next(seed, signature, sha256(bytes));
    const line = `${filled.toString(16)};chunk-signature=${signature}\r\n`;
    const begin = head - line.length;
    memory.write(line, begin, 'latin1');
    memory.write('\r\n', head + filled, 'latin1');
    const framedBytes = memory.subarray(begin, head + filled + 2);
    filled = 0;
    return framedBytes;
  };

  for await (const bytes of source) {
    taken += bytes.length;
    if (taken > size) throw new PartLength(`more than ${size} bytes`);
    for (let at = 0; at < bytes.length;) {
      // Only when more has come: so the store has not all of it before it is known to be right.
      if (filled === chunk) yield frame();
      const copied = bytes.copy(memory, head + filled, at, at + chunk - filled);
      filled += copied;
      at += copied;
    }
  }
  if (taken < size) throw new PartLength(`${taken} of ${size} bytes`);
  if (filled > 0) yield frame();
  yield Buffer.from(`0;chunk-signature=${next(seed, signature, EMPTY)}\r\n\r\n`);
}

function next({ key, time, scope }: Signature, before: string, hash: string): string {
  return createHmac('sha256', key)
    .update(`AWS4-HMAC-SHA256-PAYLOAD\n${time}\n${scope}\n${before}\n${EMPTY}\n${hash}`)
    .digest('hex');
}

function framed(length: number): number {
  return length.toString(16).length + HEAD + length + 2;
}
