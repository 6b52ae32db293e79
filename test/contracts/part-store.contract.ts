import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  newObjectKey,
  ObjectExists,
  type ObjectKey,
  ObjectNotFound,
  type ObjectStore,
  type OpenUpload,
  PartLength,
  type PartPlace,
  type PartStore,
} from '../../src/modules/storage/index.js';

const MIB = 2 ** 20;
const never = new AbortController().signal;

/** An adapter, the objects of the same volume, and everything that is stored there, finished or not. */
export interface PartStoreUnderTest {
  readonly parts: PartStore;
  /** As another replica would have it. */
  readonly others: PartStore;
  readonly objects: ObjectStore;
  readonly leftovers: (key: ObjectKey) => Promise<string[]>;
}

/** What every adapter of the port must keep. */
export function partStoreContract(name: string, open: () => Promise<PartStoreUnderTest>): void {
  describe(`PartStore: ${name}`, () => {
    let test: PartStoreUnderTest;
    let part: number;
    beforeEach(async () => {
      test = await open();
      part = Math.max(test.parts.minPartSize, MIB);
    });

    const begin = async (size: number, key = newObjectKey('1')): Promise<OpenUpload> => ({
      key,
      size,
      handle: await test.parts.begin(key, size),
    });
    const placeOf = ({ size }: OpenUpload, index: number): PartPlace => {
      const offset = index * part;
      return { index, offset, size: Math.min(part, size - offset) };
    };
    const bytesOf = (bytes: Buffer, { offset, size }: PartPlace) => bytes.subarray(offset, offset + size);
    const write = (upload: OpenUpload, index: number, bytes: Buffer, signal = never) => {
      const place = placeOf(upload, index);
      return test.parts.writePart(upload, place, chunked(bytesOf(bytes, place)), signal);
    };
    const countOf = ({ size }: OpenUpload) => Math.ceil(size / part);
    const writeAll = async (upload: OpenUpload, bytes: Buffer, indexes: readonly number[]) => {
      const tags: string[] = [];
      for (const index of indexes) tags[index] = await write(upload, index, bytes);
      return tags;
    };
    const read = async ({ key, size }: OpenUpload) =>
      buffer(await test.objects.read(key, { first: 0, last: size - 1 }, never));
    /** Nobody can see it, and once it is removed nothing is left of it. */
    const expectUnfinished = async ({ key }: OpenUpload) => {
      await expect(test.objects.size(key)).rejects.toThrow(ObjectNotFound);
      await test.objects.remove(key);
      expect(await test.leftovers(key)).toEqual([]);
    };

    it.each([
      ['one part', 0, 1],
      ['a part to the byte', 1, 0],
      ['one byte more', 1, 1],
      ['three parts', 2, 1_000],
    ])('gives back the bytes of %s', async (_, whole, rest) => {
      const bytes = randomBytes(whole * part + rest);
      const upload = await begin(bytes.length);
      const indexes = Array.from({ length: countOf(upload) }, (_none, index) => index);
      const tags = await writeAll(upload, bytes, indexes);
      await expect(test.objects.size(upload.key)).rejects.toThrow(ObjectNotFound);
      await test.parts.complete(upload, tags);
      expect(await test.objects.size(upload.key)).toBe(bytes.length);
      expect((await read(upload)).equals(bytes)).toBe(true);
      expect(await test.leftovers(upload.key)).toHaveLength(1);
    });

    it('an empty object has no parts', async () => {
      const upload = await begin(0);
      await test.parts.complete(upload, []);
      expect(await test.objects.size(upload.key)).toBe(0);
      await expect(test.parts.complete(upload, [])).resolves.not.toThrow();
    });

    it('takes parts in any order, side by side, through several replicas', async () => {
      const bytes = randomBytes(3 * part + 77);
      const upload = await begin(bytes.length);
      const tags: string[] = [];
      await Promise.all(
        [3, 1, 0, 2].map(async (index) => {
          const place = placeOf(upload, index);
          const replica = index % 2 === 0 ? test.parts : test.others;
          tags[index] = await replica.writePart(upload, place, chunked(bytesOf(bytes, place)), never);
        }),
      );
      await test.others.complete(upload, tags);
      expect((await read(upload)).equals(bytes)).toBe(true);
    });

    it('a part may be written again', async () => {
      const bytes = randomBytes(part + 5);
      const upload = await begin(bytes.length);
      await writeAll(upload, randomBytes(bytes.length), [0, 1]);
      const tags = await writeAll(upload, bytes, [1, 0]);
      await test.parts.complete(upload, tags);
      expect((await read(upload)).equals(bytes)).toBe(true);
    });

    it('takes a part that is kept apart from the others into the whole', async () => {
      const bytes = randomBytes(3 * part + 5);
      const upload = await begin(bytes.length);
      const tags = await writeAll(upload, bytes, [0, 3]);
      // Who was to write it before has come so far.
      await write(upload, 1, randomBytes(bytes.length));
      for (const [index, apart] of [
        [1, 'a'],
        [2, 'b'],
      ] as const) {
        const place = { ...placeOf(upload, index), apart };
        tags[index] = await test.parts.writePart(upload, place, chunked(bytesOf(bytes, place)), never);
      }
      await test.others.complete(upload, tags);
      await test.parts.complete(upload, tags);
      expect((await read(upload)).equals(bytes)).toBe(true);
      expect(await test.leftovers(upload.key)).toHaveLength(1);
    });

    it('nothing is left of parts that are kept apart when the upload is given up, nor of a late one', async () => {
      const upload = await begin(2 * part);
      const place = { ...placeOf(upload, 0), apart: 'a' };
      const source = () => chunked(randomBytes(part));
      await test.parts.writePart(upload, place, source(), never);
      await test.objects.remove(upload.key);
      const late = test.parts.writePart(upload, { ...place, apart: 'b' }, source(), never);
      await expect(late).rejects.toThrow(ObjectNotFound);
      expect(await test.leftovers(upload.key)).toEqual([]);
    });

    it('completed at once from several replicas, the object is there: nobody removes what another has made', async () => {
      for (let round = 0; round < 20; round += 1) {
        const bytes = randomBytes(1_000);
        const upload = await begin(bytes.length);
        const tags = await writeAll(upload, bytes, [0]);
        const asked = [test.parts, test.others, test.parts, test.others].map(async (parts, at) => {
          // They are some steps apart, each time others.
          for (let turn = 0; turn < (at * round) / 4; turn += 1) await nextTurn();
          return parts.complete(upload, tags);
        });
        const ends = await Promise.allSettled(asked);
        expect(ends.some(({ status }) => status === 'fulfilled')).toBe(true);
        expect((await read(upload)).equals(bytes)).toBe(true);
      }
    });

    it('completes again after it has succeeded, also on another replica', async () => {
      const bytes = randomBytes(part + 1);
      const upload = await begin(bytes.length);
      const tags = await writeAll(upload, bytes, [0, 1]);
      const tag = await test.parts.complete(upload, tags);
      expect(await test.parts.complete(upload, tags)).toBe(tag);
      expect(await test.others.complete(upload, tags)).toBe(tag);
      expect((await read(upload)).equals(bytes)).toBe(true);
    });

    it('never replaces an object', async () => {
      const bytes = randomBytes(part + 1);
      const upload = await begin(bytes.length);
      const tags = await writeAll(upload, bytes, [0, 1]);
      await test.objects.write(upload.key, Readable.from([Buffer.from('first')]), never);
      await expect(test.parts.complete(upload, tags)).rejects.toThrow(ObjectExists);
      expect((await read({ ...upload, size: 5 })).toString()).toBe('first');
      await test.objects.remove(upload.key);
      expect(await test.leftovers(upload.key)).toEqual([]);
    });

    it.each([
      ['nothing', () => 0],
      ['a byte too few', (size: number) => size - 1],
      ['a byte too many', (size: number) => size + 1],
      ['twice as much', (size: number) => 2 * size],
    ])('refuses a part of %s, and takes the right one after it', async (_, wrong) => {
      const bytes = randomBytes(2 * part);
      const upload = await begin(bytes.length);
      for (const index of [0, 1]) {
        const source = chunked(randomBytes(wrong(part)));
        const writing = test.parts.writePart(upload, placeOf(upload, index), source, never);
        await expect(writing).rejects.toThrow(PartLength);
        expect(source.destroyed).toBe(true);
      }
      const tags = await writeAll(upload, bytes, [0, 1]);
      await test.parts.complete(upload, tags);
      expect((await read(upload)).equals(bytes)).toBe(true);
    });

    it('fails with what the source fails with, and takes the part again', async () => {
      const bytes = randomBytes(part);
      const upload = await begin(part);
      const source = Readable.from(
        (function* () {
          yield bytes.subarray(0, part / 2);
          throw new Error('the source broke');
        })(),
      );
      await expect(test.parts.writePart(upload, placeOf(upload, 0), source, never)).rejects.toThrow(
        'the source broke',
      );
      await test.parts.complete(upload, [await write(upload, 0, bytes)]);
      expect((await read(upload)).equals(bytes)).toBe(true);
    });

    it.each([
      ['before the first byte', 0],
      ['in the middle', 1],
    ])('is aborted %s, and takes the part again', async (_, half) => {
      const bytes = randomBytes(part);
      const upload = await begin(part);
      const abort = new AbortController();
      const source = new Readable({ read: () => undefined });
      if (half > 0) source.push(bytes.subarray(0, part / 2));
      const writing = test.parts.writePart(upload, placeOf(upload, 0), source, abort.signal);
      setTimeout(() => {
        abort.abort();
      }, 50);
      await expect(writing).rejects.toMatchObject({ name: 'AbortError' });
      expect(source.destroyed).toBe(true);
      await test.parts.complete(upload, [await write(upload, 0, bytes)]);
      expect((await read(upload)).equals(bytes)).toBe(true);
    });

    it('waits for a source that pauses', async () => {
      const bytes = randomBytes(part);
      const upload = await begin(part);
      const source = Readable.from(
        (async function* () {
          yield bytes.subarray(0, 1_000);
          await sleep(1_500);
          yield bytes.subarray(1_000);
        })(),
      );
      const tag = await test.parts.writePart(upload, placeOf(upload, 0), source, never);
      await test.parts.complete(upload, [tag]);
      expect((await read(upload)).equals(bytes)).toBe(true);
    });

    it('an upload that was given up is gone: no part, no completion', async () => {
      const bytes = randomBytes(part);
      const upload = await begin(part);
      const tag = await write(upload, 0, bytes);
      await test.objects.remove(upload.key);
      expect(await test.leftovers(upload.key)).toEqual([]);
      await expect(write(upload, 0, bytes)).rejects.toThrow(ObjectNotFound);
      await expect(test.parts.complete(upload, [tag])).rejects.toThrow(ObjectNotFound);
      expect(await test.leftovers(upload.key)).toEqual([]);
    });

    it('nothing is to be seen of it before it is complete', async () => {
      const upload = await begin(2 * part);
      await write(upload, 0, randomBytes(2 * part));
      await expectUnfinished(upload);
    });
  });
}

/** As a socket would give them. */
function chunked(bytes: Buffer): Readable {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 60_000) chunks.push(bytes.subarray(at, at + 60_000));
  return Readable.from(chunks);
}
