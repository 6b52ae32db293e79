import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { S3Volume } from '../../src/common/config/config.js';
import { S3ObjectStore } from '../../src/modules/storage/drivers/s3/s3-object-store.js';
import { S3PartStore } from '../../src/modules/storage/drivers/s3/s3-part-store.js';
import { S3TailStore } from '../../src/modules/storage/drivers/s3/s3-tail-store.js';
import { newObjectKey, type OpenUpload, PartMissing } from '../../src/modules/storage/index.js';
import { type Engine, TestStore } from '../harness/object-stores.js';
import { HAS_MINIO, HAS_VERSITYGW } from '../harness/stores.js';
import { TcpProxy } from '../harness/tcp-proxy.js';
import { partStoreContract } from './part-store.contract.js';
import { tailStoreContract } from './tail-store.contract.js';

const MIB = 2 ** 20;
const PART = 5 * MIB;
const AWAY = { kind: { code: 'dependency-unavailable', status: 503 } };
const never = new AbortController().signal;

const ENGINES: [Engine, boolean][] = [
  ['minio', HAS_MINIO],
  ['versitygw', HAS_VERSITYGW],
];

describe.each(ENGINES)('%s', (engine, there) => {
  describe.skipIf(!there)('parts in an S3 store', () => {
    let server: TestStore;
    let link: TcpProxy;
    beforeAll(async () => {
      server = await TestStore.start(engine);
      link = await TcpProxy.to(server.port);
    }, 60_000);
    afterAll(async () => {
      await link.refuse();
      await server.stop();
    });

    for (const conditional of [true, false]) {
      partStoreContract(`${engine}, conditional writes: ${String(conditional)}`, async () => {
        const volume = await server.volume('some/where/');
        return {
          parts: new S3PartStore(volume, () => conditional),
          others: new S3PartStore(volume, () => conditional),
          objects: new S3ObjectStore(volume),
          leftovers: (key) => server.contents(volume.bucket, volume.prefix + key),
        };
      });
    }

    tailStoreContract(engine, async () => {
      const volume = await server.volume('some/where/');
      return {
        tails: new S3TailStore(volume),
        objects: new S3ObjectStore(volume),
        leftovers: (key) => server.contents(volume.bucket, volume.prefix + key),
      };
    });

    describe('over a link', () => {
      let volume: S3Volume;
      let parts: S3PartStore;
      let objects: S3ObjectStore;
      let upload: OpenUpload;
      const bytes = randomBytes(PART + 12_345);

      beforeEach(async () => {
        volume = await server.volume('', link.port);
        parts = new S3PartStore(volume);
        objects = new S3ObjectStore(volume);
        const key = newObjectKey('1');
        upload = { key, size: bytes.length, handle: await parts.begin(key, bytes.length) };
      });
      afterEach(() => {
        link.heal();
      });

      const first = { index: 0, offset: 0, size: PART };
      const last = { index: 1, offset: PART, size: bytes.length - PART };
      const write = (place = first) =>
        parts.writePart(
          upload,
          place,
          Readable.from([bytes.subarray(place.offset, place.offset + place.size)]),
          never,
        );
      const finish = async () => {
        const tags = [await write(first), await write(last)];
        await parts.complete(upload, tags);
        const range = { first: 0, last: bytes.length - 1 };
        return buffer(await objects.read(upload.key, range, never));
      };

      it.each([5_000, 3 * MIB, PART - 5_000])('a bit that flips at byte %i is refused', async (at) => {
        link.set({ flipAfterUp: at });
        await expect(write()).rejects.toMatchObject(AWAY);
        expect(link.faults.flipAfterUp).toBe(Infinity);
        // No part is there: an upload of it alone cannot be put together.
        await expect(parts.complete(upload, ['"0123456789abcdef0123456789abcdef"'])).rejects.toThrow(
          PartMissing,
        );
        expect((await finish()).equals(bytes)).toBe(true);
      });

      it('503 when the link is cut in the middle of a part, which is not sent again', async () => {
        link.set({ cutAfterUp: 2 * MIB });
        await expect(write()).rejects.toMatchObject({
          kind: { code: 'dependency-unavailable', status: 503 },
        });
        link.heal();
        expect((await finish()).equals(bytes)).toBe(true);
      });

      it('503 when nobody is there', async () => {
        await link.refuse();
        try {
          await expect(write()).rejects.toMatchObject(AWAY);
        } finally {
          await link.accept();
        }
        expect((await finish()).equals(bytes)).toBe(true);
      });

      it('succeeds when the answer to its completion is lost', async () => {
        const tags = [await write(first), await write(last)];
        link.set({ cutAfterDown: 0 });
        const healed = setTimeout(() => {
          link.heal();
        }, 1_000);
        // MinIO keeps the completion although nobody hears of it.
        await parts.complete(upload, tags).catch(() => undefined);
        clearTimeout(healed);
        link.heal();
        const tag = await parts.complete(upload, tags);
        expect(tag).toMatch(/^"[^"]+"$/);
        expect(await objects.size(upload.key)).toBe(bytes.length);
      });
    });
  });
});
