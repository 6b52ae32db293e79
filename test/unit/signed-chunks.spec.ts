import { describe, expect, it } from 'vitest';
import { PartLength } from '../../src/modules/storage/index.js';
import { authorization, sign } from '../../src/modules/storage/drivers/s3/signature-v4.js';
import {
  SIGNED_CHUNKS,
  signedChunks,
  signedLength,
} from '../../src/modules/storage/drivers/s3/signed-chunks.js';

/** Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks", example. */
const ACCESS_KEY = 'AKIAIOSFODNN7EXAMPLE';
const SECRET_KEY = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const TIME = '20130524T000000Z';
const SIZE = 66_560;
const CHUNK = 65_536;
const SEED = sign(
  {
    method: 'PUT',
    path: '/examplebucket/chunkObject.txt',
    headers: {
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      'content-encoding': 'aws-chunked',
      'content-length': '66824',
      host: 's3.amazonaws.com',
      'x-amz-content-sha256': SIGNED_CHUNKS,
      'x-amz-date': TIME,
      'x-amz-decoded-content-length': '66560',
    },
    payload: SIGNED_CHUNKS,
  },
  SECRET_KEY,
  { day: '20130524', region: 'us-east-1', service: 's3' },
  TIME,
);

async function* pieces(sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (const size of sizes) yield await Promise.resolve(Buffer.alloc(size, 'a'));
}

/** Copied while they are valid. */
async function sent(sizes: readonly number[], size: number, chunk?: number): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for await (const bytes of signedChunks(SEED, pieces(sizes), size, chunk)) found.push(Buffer.from(bytes));
  return found;
}

describe('signed chunks', () => {
  it('sign the headers as the published example', () => {
    expect(authorization(ACCESS_KEY, SEED)).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
        'SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class, ' +
        'Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    );
  });

  it.each([
    ['as one', [SIZE]],
    ['byte by byte', new Array<number>(SIZE).fill(1)],
    ['in odd pieces', [1, 65_535, 1_000, 24]],
    ['with empty pieces', [0, CHUNK, 0, 1_024, 0]],
  ])('sign the chunks as the published example, whatever comes in: %s', async (_, sizes) => {
    const body = Buffer.concat(await sent(sizes, SIZE, CHUNK));
    expect(body.length).toBe(66_824);
    expect(signedLength(SIZE, CHUNK)).toBe(66_824);
    expect(body.toString('latin1').replaceAll(/a{100,}/g, 'a…')).toBe(
      '10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\na…\r\n' +
        '400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\na…\r\n' +
        '0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n',
    );
  });

  it.each([0, 1, 15, 16, 4_095, 4_096, 4_097, 8_192, 12_288, 262_144, 262_145, 5 * 2 ** 20])(
    'are as long as was said: %i bytes',
    async (size) => {
      for (const chunk of [4_096, undefined]) {
        const body = Buffer.concat(await sent([size], size, chunk));
        expect(body.length).toBe(signedLength(size, chunk));
      }
    },
  );

  it.each([
    [[], 1],
    [[CHUNK - 1], CHUNK],
    [[CHUNK, CHUNK], 2 * CHUNK + 1],
    [[1], 0],
    [[CHUNK, 1], CHUNK],
    [[3 * CHUNK], 2 * CHUNK],
  ])('of %j bytes instead of %i are never whole', async (sizes, size) => {
    const found: Buffer[] = [];
    const work = (async () => {
      for await (const bytes of signedChunks(SEED, pieces(sizes), size, CHUNK))
        found.push(Buffer.from(bytes));
    })();
    await expect(work).rejects.toThrow(PartLength);
    const length = found.reduce((sum, bytes) => sum + bytes.length, 0);
    // Neither the end nor the last of the bytes have been sent.
    expect(length).toBeLessThan(signedLength(size, CHUNK) - 85);
  });
});
