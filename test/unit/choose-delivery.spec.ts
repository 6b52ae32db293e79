import { describe, expect, it } from 'vitest';
import type { S3Volume } from '../../src/common/config/config.js';
import {
  chooseDelivery,
  type DeliveryLimits,
  type DeliveryRequest,
  Volumes,
} from '../../src/modules/storage/index.js';
import { Buckets } from '../../src/modules/storage/buckets.js';
import { objectKey } from '../../src/modules/storage/object-key.js';

const REPRESENTATION = {
  etag: '"abc"',
  lastModified: new Date('2026-11-21T10:00:00Z'),
  filename: 'a.bin',
  contentType: 'application/octet-stream',
  size: 100,
  sha256: '0'.repeat(64),
  public: false,
  aliases: ['"store-1"', '"store-2"'],
};
const KEY = objectKey(`1/ab/${'c'.repeat(30)}`);

const BUCKET: S3Volume = {
  name: 's3',
  driver: 's3',
  endpoint: 'http://store.internal:9000',
  publicEndpoint: 'https://files.example.com',
  region: 'us-east-1',
  bucket: 'blobs',
  prefix: 'p/',
  accessKey: 'AKID',
  secretKey: 'secret',
  caFile: undefined,
  urlTtl: 300,
  delivery: 'auto',
};

function chooseS3(request: DeliveryRequest, delivery: S3Volume['delivery'], limits?: DeliveryLimits) {
  const config = { volumes: [{ ...BUCKET, delivery }], defaultVolume: 's3', blobTrashDays: 30 };
  const { default: volume } = new Volumes(config, new Buckets(config, { corsOrigins: [] }));
  return chooseDelivery(request, REPRESENTATION, { volume, key: KEY }, limits);
}

function choose(request: DeliveryRequest, delivery: 'accel' | 'stream' = 'accel', limits?: DeliveryLimits) {
  const local = { name: 'local', driver: 'fs', root: '/nowhere', delivery } as const;
  const config = { volumes: [local], defaultVolume: 'local', blobTrashDays: 30 };
  const { default: volume } = new Volumes(config, new Buckets(config, { corsOrigins: [] }));
  return chooseDelivery(request, REPRESENTATION, { volume, key: KEY }, limits);
}

describe('chooseDelivery', () => {
  it.each<[string, DeliveryRequest, string]>([
    ['no Range', {}, 'whole'],
    ['one range', { range: 'bytes=0-9' }, 'ranged'],
    ['several', { range: 'bytes=0-9, 20-29,-5' }, 'ranged'],
    ['a malformed Range', { range: 'bytes=9-0' }, 'whole'],
    ['another unit', { range: 'lines=1-2' }, 'whole'],
    ['If-Range of ours', { range: 'bytes=0-9', ifRange: '"abc"' }, 'ranged'],
    ['If-Range of another', { range: 'bytes=0-9', ifRange: '"x"' }, 'whole'],
    ['If-None-Match of another', { ifNoneMatch: '"x"' }, 'whole'],
  ])('%s: accel, %s', (_name, request, way) => {
    expect(choose(request)).toMatchObject({ mode: 'accel', internalPath: `/_accel/local/${way}/${KEY}` });
  });

  it.each<[string, DeliveryRequest]>([
    ['If-Match, which nginx would judge by its own tag', { ifMatch: '"abc"' }],
    ['If-Unmodified-Since', { ifUnmodifiedSince: 'Sat, 21 Nov 2026 10:00:00 GMT' }],
    ['positions of 19 digits', { range: 'bytes=0-9999999999999999999' }],
    ['empty list elements', { range: 'bytes=0-1,,3-4' }],
    ['a tab in the list', { range: 'bytes=0-1,\t3-4' }],
  ])('what nginx reads differently is streamed: %s', (_name, request) => {
    expect(choose(request)).toMatchObject({ mode: 'stream' });
  });

  it('an object that is gone when it is opened is content-missing, not a failure of ours', async () => {
    const delivery = choose({}, 'stream');
    if (delivery.mode !== 'stream') throw new Error(delivery.mode);
    await expect(delivery.open({ first: 0, last: 9 }, new AbortController().signal)).rejects.toMatchObject({
      kind: { code: 'content-missing', status: 502 },
    });
  });

  it('streams on a volume without nginx', () => {
    expect(choose({ range: 'bytes=0-9' }, 'stream')).toMatchObject({
      mode: 'stream',
      selection: { kind: 'ranges' },
    });
  });

  it.each<[DeliveryRequest, number]>([
    [{ ifMatch: '"x"' }, 412],
    [{ range: 'bytes=100-' }, 416],
    [{ range: 'bytes=100-', ifRange: '"abc"' }, 416],
  ])('refuses %j with %i', (request, status) => {
    expect(() => choose(request)).toThrow(
      expect.objectContaining({ kind: expect.objectContaining({ status }) as unknown }),
    );
  });

  it('knows when the client has it already', () => {
    expect(choose({ ifNoneMatch: '"abc"', range: 'bytes=100-' })).toMatchObject({ mode: 'not-modified' });
  });

  const PLAIN: [string, DeliveryRequest][] = [
    ['nothing', {}],
    ['one range', { range: 'bytes=0-9' }],
    ['an open range', { range: 'bytes=10-' }],
    ['a suffix', { range: 'bytes=-5' }],
    ['a range cut by the end', { range: 'bytes=90-200' }],
  ];
  const NOT_FOR_THE_STORE: [string, DeliveryRequest][] = [
    ['several ranges', { range: 'bytes=0-9,20-29' }],
    ['a malformed Range', { range: 'bytes=9-0' }],
    ['another unit', { range: 'lines=1-2' }],
    ['positions of 19 digits', { range: 'bytes=0-9999999999999999999' }],
    ['an empty list element', { range: 'bytes=0-1,' }],
    ['capitals', { range: 'BYTES=0-1' }],
    ['two Range headers', { rangeIgnored: true }],
    ['credentials that are not for it', { sendsCredentialsOn: true }],
  ];
  const CONDITIONS: [string, DeliveryRequest][] = [
    ['If-Match', { ifMatch: '"abc"' }],
    ['If-Unmodified-Since', { ifUnmodifiedSince: 'Sat, 21 Nov 2026 10:00:00 GMT' }],
    ['If-Modified-Since of before', { ifModifiedSince: 'Sat, 21 Nov 2020 10:00:00 GMT' }],
    ['If-Range of ours', { range: 'bytes=0-9', ifRange: '"abc"' }],
    ['If-Range of another', { range: 'bytes=0-9', ifRange: '"x"' }],
    ['If-Range without Range', { ifRange: '"abc"' }],
  ];
  const NONE_MATCH: [string, DeliveryRequest] = ['If-None-Match of another', { ifNoneMatch: '"x"' }];
  const HEAD: [string, DeliveryRequest] = ['HEAD', { head: true }];

  describe('of a volume in S3', () => {
    it.each(PLAIN)('auto redirects when nothing is lost: %s', (_, request) => {
      const delivery = chooseS3(request, 'auto');
      expect(delivery).toMatchObject({ mode: 'redirect' });
      const { location } = delivery as { location: string };
      expect(location).toMatch(new RegExp(`^https://files\\.example\\.com/blobs/p/${KEY}\\?X-Amz-`));
    });

    it.each([...CONDITIONS, NONE_MATCH])('auto hides the store from conditions: %s', (_, request) => {
      expect(chooseS3(request, 'auto')).toMatchObject({ mode: 'accel-s3' });
    });

    it.each(NOT_FOR_THE_STORE)('the store never gets %s', (_, request) => {
      expect(chooseS3(request, 'auto').mode).toMatch(/^(accel-s3|stream)$/);
      expect(chooseS3(request, 'redirect').mode).toBe('stream');
    });

    it.each([...PLAIN, NONE_MATCH])('redirect redirects: %s', (_, request) => {
      expect(chooseS3(request, 'redirect').mode).toBe('redirect');
    });

    it.each(CONDITIONS)('redirect keeps from the store what it would judge otherwise: %s', (_, request) => {
      expect(chooseS3(request, 'redirect').mode).toBe('stream');
    });

    it.each(['auto', 'redirect', 'accel-s3', 'stream'] as const)('%s answers HEAD itself', (delivery) => {
      expect(chooseS3(HEAD[1], delivery).mode).toBe('stream');
    });

    it.each([
      ['nothing', {}, undefined],
      ['one range', { range: 'bytes=0-9' }, { first: 0, last: 9 }],
      ['a suffix', { range: 'bytes=-5' }, { first: 95, last: 99 }],
      ['If-Range of ours', { range: 'bytes=0-9', ifRange: '"abc"' }, { first: 0, last: 9 }],
      ["If-Range of the store's", { range: 'bytes=0-9', ifRange: '"store-2"' }, { first: 0, last: 9 }],
      ['If-Range of another', { range: 'bytes=0-9', ifRange: '"x"' }, undefined],
      ['a weak If-Range', { range: 'bytes=0-9', ifRange: 'W/"store-2"' }, undefined],
      ['a malformed Range', { range: 'bytes=9-0' }, undefined],
    ] as [string, DeliveryRequest, object | undefined][])(
      'accel-s3 asks the store for the judged range: %s',
      (_, request, range) => {
        const delivery = chooseS3(request, 'accel-s3');
        expect(delivery).toMatchObject({ mode: 'accel-s3' });
        expect((delivery as { range: unknown }).range).toEqual(range);
        expect((delivery as { internalPath: string }).internalPath).toMatch(
          new RegExp(`^/_store/s3/blobs/p/${KEY}\\?X-Amz-[^"]*&X-Amz-Signature=[0-9a-f]{64}$`),
        );
      },
    );

    it('accel-s3 leaves several ranges to the application', () => {
      expect(chooseS3({ range: 'bytes=0-9,20-29' }, 'accel-s3').mode).toBe('stream');
    });

    it.each([...PLAIN, ...CONDITIONS, ...NOT_FOR_THE_STORE])('stream streams: %s', (_, request) => {
      expect(chooseS3(request, 'stream').mode).toBe('stream');
    });

    it.each(['auto', 'redirect', 'accel-s3', 'stream'] as const)(
      '%s judges conditions before anything',
      (delivery) => {
        expect(chooseS3({ ifNoneMatch: '"abc"' }, delivery).mode).toBe('not-modified');
        for (const request of [{ ifMatch: '"x"' }, { range: 'bytes=100-' }]) {
          expect(() => chooseS3(request, delivery)).toThrow();
        }
      },
    );
  });

  describe('under limits (RULES 5.2)', () => {
    const shape = (body: AsyncIterable<Buffer>) => body;
    const LIMITS: [string, DeliveryLimits, 'none' | 'limited' | 'shaped'][] = [
      ['none', {}, 'none'],
      ['none, said so', { limited: false }, 'none'],
      ['another', { limited: true }, 'limited'],
      ['a transfer rate', { transferRate: 5_000 }, 'limited'],
      ['a transfer rate, though it says not limited', { transferRate: 5_000, limited: false }, 'limited'],
      ['a transfer rate and another', { transferRate: 5_000, limited: true }, 'limited'],
      ['a shape', { shape }, 'shaped'],
      ['a shape and another', { shape, limited: true }, 'shaped'],
      ['a shape and a transfer rate', { shape, transferRate: 5_000 }, 'shaped'],
      ['all', { shape, transferRate: 5_000, limited: true }, 'shaped'],
    ];
    const VOLUMES = ['auto', 'redirect', 'accel-s3', 'stream', 'file accel', 'file stream'] as const;
    const REQUESTS: [string, DeliveryRequest][] = [
      ['GET', {}],
      ['GET of a range', { range: 'bytes=0-9' }],
      ['GET of two ranges', { range: 'bytes=0-9,20-29' }],
      ['GET with If-Match', { ifMatch: '"abc"' }],
      ['HEAD', { head: true }],
    ];
    type Place = (typeof VOLUMES)[number];
    const of = (request: DeliveryRequest, place: Place, limits: DeliveryLimits) =>
      place === 'file accel' || place === 'file stream'
        ? choose(request, place === 'file accel' ? 'accel' : 'stream', limits)
        : chooseS3(request, place, limits);

    it.each(
      LIMITS.flatMap(([limit, limits, kind]) =>
        VOLUMES.flatMap((place) =>
          REQUESTS.map(([name, request]) => ({ limit, limits, kind, place, name, request })),
        ),
      ),
    )('$place, $name, limits: $limit', ({ limits, kind, place, request }) => {
      if (place === 'redirect' && kind !== 'none') {
        expect(() => of(request, place, limits)).toThrow(
          expect.objectContaining({
            kind: expect.objectContaining({ code: 'not-deliverable', status: 422 }) as unknown,
          }),
        );
        return;
      }
      const free = of(request, place, {});
      const delivery = of(request, place, limits);
      // A limit only ever brings the bytes nearer to us.
      const expected =
        kind === 'shaped'
          ? 'stream'
          : kind === 'limited' && free.mode === 'redirect'
            ? 'accel-s3'
            : free.mode;
      expect(delivery.mode).toBe(expected);
      if (delivery.mode === 'redirect' || delivery.mode === 'not-modified') return;
      expect(delivery.transferRate).toBe(limits.transferRate);
      if (delivery.mode === 'stream') expect(delivery.shape).toBe(limits.shape);
    });

    it.each(VOLUMES)('%s: what is to be sent here is, without being a limit', (place) => {
      expect(of({ range: 'bytes=0-0' }, place, { here: true }).mode).toBe('stream');
      expect(of({ ifNoneMatch: '"abc"' }, place, { here: true }).mode).toBe('not-modified');
    });

    it('422 is said before any condition is judged (RFC 9110 §13.2.1)', () => {
      for (const request of [{ ifMatch: '"x"' }, { ifNoneMatch: '"abc"' }, { range: 'bytes=100-' }]) {
        expect(() => chooseS3(request, 'redirect', { limited: true })).toThrow(
          expect.objectContaining({ kind: expect.objectContaining({ status: 422 }) as unknown }),
        );
      }
    });

    it('what is to be sent here is streamed, and nobody is limited by that', () => {
      const probe = { range: 'bytes=0-0' };
      for (const place of VOLUMES) expect(of(probe, place, { here: true }).mode).toBe('stream');
      expect(of(probe, 'file accel', { here: true, transferRate: 5_000 })).toMatchObject({
        mode: 'stream',
        transferRate: 5_000,
      });
      expect(() => of(probe, 'redirect', { here: true, limited: true })).toThrow();
    });

    it('304 costs nobody a limit', () => {
      expect(choose({ ifNoneMatch: '"abc"' }, 'accel', { shape, transferRate: 1 }).mode).toBe('not-modified');
    });
  });
});
