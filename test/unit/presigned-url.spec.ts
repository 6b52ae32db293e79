import { Client } from 'minio';
import { describe, expect, it } from 'vitest';
import type { S3Volume } from '../../src/common/config/config.js';
import { attachment } from '../../src/modules/storage/delivery/content-disposition.js';
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
