import { Client } from 'minio';
import { describe, expect, it } from 'vitest';
import type { S3Volume } from '../../src/common/config/config.js';
import { attachment } from '../../src/modules/storage/delivery/content-disposition.js';
import { presign } from '../../src/modules/storage/drivers/s3/presign.js';
import { presignedPart } from '../../src/modules/storage/drivers/s3/presigned-part.js';
import { PresignedUrls } from '../../src/modules/storage/drivers/s3/presigned-url.js';

const VOLUME: S3Volume = {
  name: 's3',
  driver: 's3',
  endpoint: 'http://store.internal:9000',
  publicEndpoint: 'https://files.example.com',
  region: 'eu-central-1',
  bucket: 'blobs',
  prefix: '',
  accessKey: 'AKIAIOSFODNN7EXAMPLE',
  secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  caFile: undefined,
  urlTtl: 300,
  delivery: 'auto',
};
const KEY = '1/ab/0123456789abcdef0123456789abcd';

/** Of another make. */
async function presignedByMinio(origin: string, now: Date, query: Record<string, string>): Promise<URL> {
  const { hostname, protocol, port } = new URL(origin);
  const client = new Client({
    endPoint: hostname,
    useSSL: protocol === 'https:',
    ...(port !== '' && { port: Number(port) }),
    accessKey: VOLUME.accessKey,
    secretKey: VOLUME.secretKey,
    region: VOLUME.region,
    pathStyle: true,
  });
  return new URL(
    await client.presignedUrl('GET', VOLUME.bucket, VOLUME.prefix + KEY, VOLUME.urlTtl, query, now),
  );
}

describe('PresignedUrls', () => {
  it.each([
    ['https://files.example.com', 'a.bin'],
    ['http://127.0.0.1:9000', "a b (1) ~!*'.bin"],
    ['https://files.example.com:8443', 'отчёт 100%.pdf'],
    ['https://files.example.com', '𝄞"\\;=&?#+.txt'],
  ])('signs as the minio client does: %s, %s', async (origin, filename) => {
    const now = new Date('2026-11-21T23:59:59.500Z');
    const contentDisposition = attachment(filename);
    const contentType = 'text/plain; charset=utf-8';
    const urls = new PresignedUrls(VOLUME, { origin, ttl: VOLUME.urlTtl });
    const ours = new URL(origin + urls.get(KEY, now.getTime(), { contentDisposition, contentType }));
    const theirs = await presignedByMinio(origin, now, {
      'response-content-disposition': contentDisposition,
      'response-content-type': contentType,
    });
    expect(ours.origin + ours.pathname).toBe(theirs.origin + theirs.pathname);
    expect(Object.fromEntries(ours.searchParams)).toEqual(Object.fromEntries(theirs.searchParams));
  });

  it('changes its key with the day and goes back with it', () => {
    const urls = new PresignedUrls(VOLUME, { origin: VOLUME.publicEndpoint, ttl: 300 });
    const days = ['2026-11-21T23:59:59Z', '2026-11-22T00:00:00Z', '2026-11-21T23:59:59Z'].map((day) =>
      Date.parse(day),
    );
    const [before, after, again] = days.map((day) => urls.get(KEY, day));
    expect(after).toContain('20261122%2Feu-central-1%2Fs3%2Faws4_request');
    expect(after).not.toBe(before);
    expect(again).toBe(before);
  });
});

describe('presign', () => {
  it('signs as the published example (Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters")', () => {
    const request = { method: 'GET', path: '/test.txt', headers: { host: 'examplebucket.s3.amazonaws.com' } };
    const scope = { day: '20130524', region: 'us-east-1', service: 's3' } as const;
    expect(presign(request, VOLUME, scope, { time: '20130524T000000Z', ttl: 86_400 })).toBe(
      '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
        '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
        '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
    );
  });

  it('of a part binds key, upload, number and length, and names the session', () => {
    const url = new URL(
      presignedPart(
        VOLUME,
        'https://files.example.com:8443',
        { name: KEY, upload: "a/b+c='~", number: 7, size: 5_242_880 },
        { ...VOLUME, sessionToken: 'a+b/c==' },
        { now: Date.parse('2026-11-21T23:59:59Z'), ttl: 300 },
      ),
    );
    expect(url.origin + url.pathname).toBe(`https://files.example.com:8443/blobs/${KEY}`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': 'AKIAIOSFODNN7EXAMPLE/20261121/eu-central-1/s3/aws4_request',
      'X-Amz-Date': '20261121T235959Z',
      'X-Amz-Expires': '300',
      'X-Amz-Security-Token': 'a+b/c==',
      'X-Amz-Signature': expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      'X-Amz-SignedHeaders': 'content-length;host',
      partNumber: '7',
      uploadId: "a/b+c='~",
    });
  });
});
