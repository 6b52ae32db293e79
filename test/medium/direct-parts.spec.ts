import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { S3Volume } from '../../src/common/config/config.js';
import { S3Bucket } from '../../src/modules/storage/drivers/s3/s3-bucket.js';
import { probeUnsignedCopies } from '../../src/modules/storage/drivers/s3/probe-unsigned-copies.js';
import { S3Client } from '../../src/modules/storage/drivers/s3/s3-client.js';
import { S3DirectParts } from '../../src/modules/storage/drivers/s3/s3-direct-parts.js';
import { S3ObjectStore } from '../../src/modules/storage/drivers/s3/s3-object-store.js';
import { S3PartStore } from '../../src/modules/storage/drivers/s3/s3-part-store.js';
import {
  newObjectKey,
  ObjectNotFound,
  type OpenUpload,
  type PartPlace,
} from '../../src/modules/storage/index.js';
import { type Engine, TestStore } from '../harness/object-stores.js';
import { type Answer, send } from '../harness/http.js';
import { HAS_MINIO, HAS_VERSITYGW } from '../harness/stores.js';

const PART = 5 * 2 ** 20;
const never = new AbortController().signal;
const FIRST: PartPlace = { index: 0, offset: 0, size: PART };
const LAST: PartPlace = { index: 1, offset: PART, size: 1_000 };

const ENGINES: [Engine, boolean, { sts: boolean }][] = [
  ['minio', HAS_MINIO, { sts: true }],
  ['versitygw', HAS_VERSITYGW, { sts: false }],
];

describe.each(ENGINES)('%s: parts that clients send themselves', (engine, there, abilities) => {
  describe.skipIf(!there)('directly', () => {
    let server: TestStore;
    let volume: S3Volume;
    let bucket: S3Bucket;
    let direct: S3DirectParts;
    let parts: S3PartStore;
    let objects: S3ObjectStore;
    let upload: OpenUpload;
    const bytes = randomBytes(PART + LAST.size);
    const secret = Buffer.from('what somebody else has stored');

    beforeAll(async () => {
      server = await TestStore.start(engine);
      volume = await server.volume('some/where/');
      bucket = new S3Bucket(volume);
      await bucket.setUp();
      direct = new S3DirectParts(bucket);
      parts = new S3PartStore(volume);
      objects = new S3ObjectStore(volume);
    });
    afterAll(() => server.stop());
    beforeEach(async () => {
      upload = await begin();
    });

    const begin = async (): Promise<OpenUpload> => {
      const key = newObjectKey('1');
      return { key, size: bytes.length, handle: await parts.begin(key, bytes.length) };
    };
    const urlOf = async (place: PartPlace, of = upload): Promise<string> => {
      const { urls } = await direct.presign(of, [place]);
      return urls[0] ?? '';
    };
    const bytesOf = ({ offset, size }: PartPlace) => bytes.subarray(offset, offset + size);
    const put = (url: string, body: Buffer, headers: Record<string, string> = {}): Promise<Answer> => {
      const { pathname, search, origin } = new URL(url);
      return send(origin, pathname + search, { method: 'PUT', body, headers });
    };
    const listed = async (of = upload) => (await direct.list(of)).map(({ index, size }) => [index, size]);
    /** By an answer, or by a connection that is closed while the body comes. */
    const expectRefused = async (sending: Promise<{ readonly status: number }>) => {
      const status = await sending.then(
        (answer) => answer.status,
        () => 'closed',
      );
      if (status !== 'closed') expect(status).toBeGreaterThanOrEqual(400);
      expect(await listed()).toEqual([]);
    };

    it('are possible, and by what', () => {
      expect(bucket.report?.abilities).toMatchObject({ ...abilities, directUploads: true });
      expect(() => {
        direct.require();
      }).not.toThrow();
    });

    it('are listed, and put together to the object', async () => {
      const { urls, expiresAt } = await direct.presign(upload, [FIRST, LAST]);
      expect(expiresAt.getTime()).toBeGreaterThan(Date.now() + (volume.urlTtl - 5) * 1_000);
      expect(expiresAt.getTime()).toBeLessThanOrEqual(Date.now() + volume.urlTtl * 1_000);
      expect(await direct.list(upload)).toEqual([]);
      for (const [at, place] of [LAST, FIRST].entries()) {
        expect((await put(urls[1 - at] ?? '', bytesOf(place))).status).toBe(200);
      }
      expect(await listed()).toEqual([
        [0, PART],
        [1, LAST.size],
      ]);
      const tags = (await direct.list(upload)).map(({ tag }) => tag);
      await parts.complete(upload, tags);
      const range = { first: 0, last: bytes.length - 1 };
      expect((await buffer(await objects.read(upload.key, range, never))).equals(bytes)).toBe(true);
      // From here on they are good for nothing.
      expect((await put(urls[1] ?? '', bytesOf(LAST))).status).toBe(404);
      await expect(direct.list(upload)).rejects.toThrow(ObjectNotFound);
    });

    it('a part that is sent again is the one that counts', async () => {
      const url = await urlOf(LAST);
      await put(url, randomBytes(LAST.size));
      const [before] = await direct.list(upload);
      await put(url, bytesOf(LAST));
      const [after, ...others] = await direct.list(upload);
      expect(others).toEqual([]);
      expect(after?.tag).not.toBe(before?.tag);
    });

    it('more of them than the store lists at once', { timeout: 60_000 }, async () => {
      const places = Array.from({ length: 1_003 }, (_, index) => ({ index, offset: index, size: 1 }));
      const { urls } = await direct.presign(upload, places);
      for (let at = 0; at < urls.length; at += 20) {
        await Promise.all(urls.slice(at, at + 20).map((url) => put(url, Buffer.from('x'))));
      }
      expect(await listed()).toEqual(places.map(({ index }) => [index, 1]));
    });

    describe('the holder of a URL cannot', () => {
      const neighbour = newObjectKey('2');
      beforeAll(() => objects.write(neighbour, Readable.from([secret]), never));

      it.each([
        ['another object', () => `/${volume.bucket}/${volume.prefix}${neighbour}`],
        ['the same without the slash', () => `${volume.bucket}/${volume.prefix}${neighbour}`],
        ['its own object', () => `/${volume.bucket}/${volume.prefix}${upload.key}`],
      ])('copy %s into the part', async (_, source) => {
        const url = await urlOf({ ...FIRST, size: secret.length });
        for (const body of [Buffer.alloc(0), Buffer.alloc(secret.length)]) {
          const answer = await put(url, body, { 'x-amz-copy-source': source() });
          expect(answer.body.toString()).not.toContain('CopyPartResult');
          const [part] = await direct.list(upload);
          // Refused, or the header was ignored and the bytes are the client's own.
          if (answer.status === 200) {
            await parts.complete(upload, [part?.tag ?? '']);
            const range = { first: 0, last: secret.length - 1 };
            const stored = await buffer(await objects.read(upload.key, range, never));
            expect(stored.equals(body)).toBe(true);
          } else expect(part).toBeUndefined();
          upload = await begin();
        }
      });

      it('read with it, or anything else but PUT', async () => {
        const url = new URL(await urlOf(LAST));
        for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
          const { status } = await send(url.origin, url.pathname + url.search, { method });
          expect(status, method).toBeGreaterThanOrEqual(400);
        }
        expect(await listed()).toEqual([]);
      });

      it('list the bucket, or the part of a path above', async () => {
        const url = new URL(await urlOf(LAST));
        for (const path of [
          `/${volume.bucket}`,
          `/${volume.bucket}/`,
          `/${volume.bucket}/${volume.prefix}`,
        ]) {
          expect((await send(url.origin, path + url.search)).status).toBeGreaterThanOrEqual(400);
        }
      });

      it.each([
        [
          'another key',
          (url: URL) => url.pathname.replace(/.$/, (last) => (last === '0' ? '1' : '0')) + url.search,
        ],
        ['another part', (url: URL) => url.pathname + url.search.replace('partNumber=2', 'partNumber=1')],
        ['a second part number', (url: URL) => `${url.pathname}${url.search}&partNumber=1`],
        [
          'the whole object',
          (url: URL) => url.pathname + url.search.replace(/&?(partNumber|uploadId)=[^&]+/g, ''),
        ],
        [
          'a life that is longer',
          (url: URL) => url.pathname + url.search.replace('Expires=300', 'Expires=3000'),
        ],
        ['an ACL', (url: URL) => `${url.pathname}${url.search}&acl=`],
      ])('write %s', async (_, changed) => {
        const url = new URL(await urlOf(LAST));
        await expectRefused(put(url.origin + changed(url), bytesOf(LAST)));
        await expect(objects.size(upload.key)).rejects.toThrow(ObjectNotFound);
      });

      it('write into another upload', async () => {
        const other = await begin();
        const url = await urlOf(LAST);
        const [mine, theirs] = [upload, other].map(({ handle }) => encodeURIComponent(handle));
        await expectRefused(put(url.replace(mine ?? '', theirs ?? ''), bytesOf(LAST)));
        expect(await listed(other)).toEqual([]);
      });

      it.each([0, 1, LAST.size - 1, LAST.size + 1, 2 * PART])('send a part of %i bytes', async (size) => {
        await expectRefused(put(await urlOf(LAST), randomBytes(size)));
      });

      it('send a part without saying how long it is', async () => {
        const url = new URL(await urlOf(LAST));
        const body = Readable.from([bytesOf(LAST), bytesOf(LAST)]);
        await expectRefused(send(url.origin, url.pathname + url.search, { method: 'PUT', body }));
      });
    });

    it('is refused where the store does not keep the holder of a URL from more', async () => {
      bucket.report = {
        created: false,
        public: false,
        remarks: [],
        abilities: { sts: false, notifications: false, conditionalWrites: true, directUploads: false },
      };
      try {
        await expect(direct.presign(upload, [LAST])).rejects.toMatchObject({
          kind: { code: 'direct-upload-unavailable', status: 422 },
        });
        bucket.report = undefined;
        await expect(direct.presign(upload, [LAST])).rejects.toMatchObject({
          kind: { code: 'dependency-unavailable', status: 503 },
        });
      } finally {
        await bucket.setUp();
      }
    });

    it('finds out what the store does with a header that nobody has signed', async () => {
      const safe = await probeUnsignedCopies(new S3Client(volume), volume);
      expect(safe).toBe(engine === 'versitygw');
      expect(await server.contents(volume.bucket, `${volume.prefix}.write-probe`)).not.toContainEqual(
        expect.stringContaining('write-probe'),
      );
    });
  });
});
