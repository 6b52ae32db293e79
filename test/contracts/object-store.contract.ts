import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  newObjectKey,
  type ObjectKey,
  ObjectExists,
  ObjectNotFound,
  type ObjectStore,
} from '../../src/modules/storage/index.js';

const never = new AbortController().signal;

/** What every adapter of the port must keep. `leftovers` lists everything that is stored, finished or not. */
export function objectStoreContract(
  name: string,
  open: () => Promise<{ store: ObjectStore; leftovers: (key: ObjectKey) => Promise<string[]> }>,
): void {
  describe(`ObjectStore: ${name}`, () => {
    let store: ObjectStore;
    let leftovers: (key: ObjectKey) => Promise<string[]>;
    let key: ObjectKey;

    beforeEach(async () => {
      ({ store, leftovers } = await open());
      key = newObjectKey('1');
    });

    const write = (bytes: Buffer, signal = never) => store.write(key, Readable.from([bytes]), signal);
    const read = async (range: { first: number; last: number }) =>
      buffer(await store.read(key, range, never));

    it.each([0, 1, 255, 256 * 1024, 3_000_001])('gives back %i bytes', async (size) => {
      const bytes = randomBytes(size);
      await write(bytes);
      expect(await store.size(key)).toBe(size);
      if (size > 0) expect((await read({ first: 0, last: size - 1 })).equals(bytes)).toBe(true);
    });

    it.each([
      [0, 0],
      [0, 999_999],
      [1, 2],
      [262_143, 262_144],
      [999_999, 999_999],
    ])('reads the range %i-%i', async (first, last) => {
      const bytes = randomBytes(1_000_000);
      await write(bytes);
      expect((await read({ first, last })).equals(bytes.subarray(first, last + 1))).toBe(true);
    });

    it('fails a read beyond the end instead of ending early', async () => {
      await write(Buffer.alloc(10));
      for (const first of [0, 5, 9, 10]) await expect(read({ first, last: 10 })).rejects.toThrow();
    });

    it('tells a missing object on read and size; removing it is no error', async () => {
      await expect(store.read(key, { first: 0, last: 0 }, never)).rejects.toThrow(ObjectNotFound);
      await expect(store.size(key)).rejects.toThrow(ObjectNotFound);
      await expect(store.remove(key)).resolves.toBeUndefined();
    });

    it('removes', async () => {
      await write(Buffer.from('x'));
      await store.remove(key);
      await expect(store.size(key)).rejects.toThrow(ObjectNotFound);
      expect(await leftovers(key)).toEqual([]);
    });

    it('never replaces an object', async () => {
      await write(Buffer.from('first'));
      await expect(write(Buffer.from('second'))).rejects.toThrow(ObjectExists);
      expect((await read({ first: 0, last: 4 })).toString()).toBe('first');
      expect(await leftovers(key)).toHaveLength(1);
    });

    it('lets one of two writers of a key win, whole', async () => {
      const texts = ['a'.repeat(1_000_000), 'b'.repeat(1_000_000)];
      const outcomes = await Promise.allSettled(texts.map((text) => write(Buffer.from(text))));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(texts).toContain((await read({ first: 0, last: 999_999 })).toString());
    });

    it('leaves nothing behind when the source fails', async () => {
      const source = Readable.from(
        (function* () {
          yield Buffer.alloc(500_000);
          throw new Error('the source broke');
        })(),
      );
      await expect(store.write(key, source, never)).rejects.toThrow('the source broke');
      await expect(store.size(key)).rejects.toThrow(ObjectNotFound);
      expect(await leftovers(key)).toEqual([]);
      expect(source.destroyed).toBe(true);
    });

    it('leaves nothing behind when it is aborted', async () => {
      const abort = new AbortController();
      const source = new Readable({ read: () => undefined });
      source.push(Buffer.alloc(500_000));
      const writing = store.write(key, source, abort.signal);
      setTimeout(() => {
        abort.abort();
      }, 30);
      await expect(writing).rejects.toMatchObject({ name: 'AbortError' });
      expect(await leftovers(key)).toEqual([]);
      expect(source.destroyed).toBe(true);
    });

    it('ends a read when it is aborted', async () => {
      await write(Buffer.alloc(5_000_000));
      const abort = new AbortController();
      const stream = await store.read(key, { first: 0, last: 4_999_999 }, abort.signal);
      stream.once('data', () => {
        abort.abort();
      });
      await expect(buffer(stream)).rejects.toMatchObject({ name: 'AbortError' });
    });
  });
}
