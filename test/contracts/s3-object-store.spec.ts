import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { S3Volume } from '../../src/common/config/config.js';
import { S3ObjectStore } from '../../src/modules/storage/drivers/s3/s3-object-store.js';
import { newObjectKey, ObjectExists, type ObjectKey } from '../../src/modules/storage/index.js';
import { type Engine, TestStore } from '../harness/object-stores.js';
import { HAS_MINIO, HAS_VERSITYGW } from '../harness/stores.js';
import { objectStoreContract } from './object-store.contract.js';

const MIB = 2 ** 20;
/** As the driver cuts; S3's own minimum is 5 MiB. */
const PART = 8 * MIB;
const never = new AbortController().signal;

const ENGINES: [Engine, boolean][] = [
  ['minio', HAS_MINIO],
  ['versitygw', HAS_VERSITYGW],
];

/** Nothing may lean on one vendor: two engines of different make, each real. */
describe.each(ENGINES)('%s', (engine, there) => {
  describe.skipIf(!there)('S3 store', () => {
    let server: TestStore;
    beforeAll(async () => {
      server = await TestStore.start(engine);
    }, 60_000);
    afterAll(() => server.stop());

    objectStoreContract(engine, async () => {
      const volume = await server.volume();
      return {
        store: new S3ObjectStore(volume),
        leftovers: (key) => server.contents(volume.bucket, key),
      };
    });

    describe('parts', () => {
      let volume: S3Volume;
      let store: S3ObjectStore;
      let key: ObjectKey;

      beforeEach(async () => {
        volume = await server.volume('some/where/');
        store = new S3ObjectStore(volume);
        key = newObjectKey('1');
      });

      const leftovers = () => server.contents(volume.bucket, volume.prefix + key);
      const write = (bytes: Buffer) => store.write(key, chunked(bytes), never);
      const readAll = async (size: number) =>
        buffer(await store.read(key, { first: 0, last: size - 1 }, never));

      it.each([5 * MIB - 1, 5 * MIB, 5 * MIB + 1, PART - 1, PART, PART + 1, 2 * PART, 11 * MIB])(
        'gives back %i bytes',
        async (size) => {
          const bytes = randomBytes(size);
          const tag = await write(bytes);
          expect(tag).toMatch(/^"[^"]+"$/);
          expect(await store.size(key)).toBe(size);
          expect((await readAll(size)).equals(bytes)).toBe(true);
          expect(await leftovers()).toEqual([`some/where/${key}`]);
        },
      );

      it('cuts parts whatever the pieces of the source are', async () => {
        const bytes = randomBytes(19 * MIB + 7);
        await store.write(key, Readable.from([bytes]), never);
        expect((await readAll(bytes.length)).equals(bytes)).toBe(true);
      });

      it('stores 120 MiB and reads across parts', { timeout: 60_000 }, async () => {
        const bytes = randomBytes(120 * MIB);
        await write(bytes);
        expect(await store.size(key)).toBe(bytes.length);
        expect((await readAll(bytes.length)).equals(bytes)).toBe(true);
        const range = { first: 8 * PART - 10, last: 8 * PART + 10 };
        const middle = await buffer(await store.read(key, range, never));
        expect(middle.equals(bytes.subarray(range.first, range.last + 1))).toBe(true);
      });

      it('never replaces an object by parts, nor one made of parts', async () => {
        const first = randomBytes(PART + 1);
        await write(first);
        for (const size of [1, 2 * PART]) {
          await expect(write(randomBytes(size))).rejects.toThrow(ObjectExists);
          expect((await readAll(first.length)).equals(first)).toBe(true);
          expect(await leftovers()).toHaveLength(1);
        }
      });

      it('lets one of two writers of parts win, whole', async () => {
        const contents = [randomBytes(PART + 1), randomBytes(PART + 2)];
        const outcomes = await Promise.allSettled(contents.map(write));
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        const refused = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
        expect(refused.reason).toBeInstanceOf(ObjectExists);
        const stored = await readAll(await store.size(key));
        expect(contents.some((content) => content.equals(stored))).toBe(true);
        expect(await leftovers()).toHaveLength(1);
      });

      it('leaves no parts when it is aborted in the middle of one', async () => {
        const abort = new AbortController();
        const source = Readable.from(
          (async function* () {
            yield randomBytes(2 * PART);
            setTimeout(() => {
              abort.abort();
            }, 5);
            await new Promise(() => undefined);
          })(),
        );
        await expect(store.write(key, source, abort.signal)).rejects.toMatchObject({ name: 'AbortError' });
        expect(await leftovers()).toEqual([]);
        expect(source.destroyed).toBe(true);
      });

      it('leaves no parts when the source fails between them', async () => {
        const source = Readable.from(
          (function* () {
            yield randomBytes(3 * PART);
            throw new Error('the source broke');
          })(),
        );
        await expect(store.write(key, source, never)).rejects.toThrow('the source broke');
        expect(await leftovers()).toEqual([]);
      });

      it('removes what a writer that died has left', async () => {
        await server.beginUpload(volume.bucket, volume.prefix + key);
        await server.beginUpload(volume.bucket, volume.prefix + key);
        expect(await leftovers()).toHaveLength(2);
        await store.remove(key);
        expect(await leftovers()).toEqual([]);
      });

      it('touches nothing of other keys when it removes', async () => {
        const other = newObjectKey('1');
        await server.beginUpload(volume.bucket, volume.prefix + other);
        await server.put(volume.bucket, `${volume.prefix}${key}0`, Buffer.from('x'));
        await store.remove(key);
        expect(await server.contents(volume.bucket, volume.prefix + other)).toEqual([
          `${volume.prefix}${key}0`,
          `unfinished ${volume.prefix}${other}`,
        ]);
      });

      it('reads on after 600 bodies that nobody has read', async () => {
        const bytes = randomBytes(MIB);
        await write(bytes);
        for (let round = 0; round < 6; round += 1) {
          const streams = await Promise.all(
            Array.from({ length: 100 }, () => store.read(key, { first: 0, last: MIB - 1 }, never)),
          );
          for (const stream of streams) stream.destroy();
        }
        // While others are open, and not read.
        const idle = await Promise.all(
          Array.from({ length: 300 }, () => store.read(key, { first: 0, last: MIB - 1 }, never)),
        );
        expect((await readAll(MIB)).equals(bytes)).toBe(true);
        for (const stream of idle) stream.destroy();
      });

      it('tells a range of which the object has nothing, or not all, as content that is missing', async () => {
        await write(Buffer.alloc(10));
        for (const range of [
          { first: 10, last: 10 },
          { first: 5, last: 10 },
        ]) {
          await expect(store.read(key, range, never)).rejects.toMatchObject({
            kind: { code: 'content-missing', status: 502 },
          });
        }
      });
    });
  });
});

/** As a socket would give them. */
function chunked(bytes: Buffer): Readable {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 60_000) chunks.push(bytes.subarray(at, at + 60_000));
  return Readable.from(chunks);
}
