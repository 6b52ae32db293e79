import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  newObjectKey,
  type ObjectKey,
  ObjectNotFound,
  type ObjectStore,
  type TailStore,
} from '../../src/modules/storage/index.js';

/** What every adapter of the port must keep. `leftovers` lists everything that is stored. */
export function tailStoreContract(
  name: string,
  open: () => Promise<{
    tails: TailStore;
    objects: ObjectStore;
    leftovers: (key: ObjectKey) => Promise<string[]>;
  }>,
): void {
  describe(`TailStore: ${name}`, () => {
    let tails: TailStore;
    let objects: ObjectStore;
    let leftovers: (key: ObjectKey) => Promise<string[]>;
    let key: ObjectKey;
    beforeEach(async () => {
      ({ tails, objects, leftovers } = await open());
      key = newObjectKey('1');
    });

    it.each([1, 1_000_000, 5 * 2 ** 20 - 1])('gives back %i bytes', async (size) => {
      const bytes = randomBytes(size);
      const tail = await tails.write(key, bytes);
      expect((await tails.read(key, tail)).equals(bytes)).toBe(true);
      await expect(objects.size(key)).rejects.toThrow(ObjectNotFound);
    });

    it('writes beside the older ones, which stay until they are removed', async () => {
      const first = await tails.write(key, Buffer.from('first'));
      const second = await tails.write(key, Buffer.from('second'));
      expect((await tails.read(key, first)).toString()).toBe('first');
      await tails.remove(key, first);
      await expect(tails.read(key, first)).rejects.toThrow(ObjectNotFound);
      expect((await tails.read(key, second)).toString()).toBe('second');
    });

    it('removing one that is not there is no error', async () => {
      const tail = await tails.write(key, Buffer.from('x'));
      await tails.remove(key, tail);
      await expect(tails.remove(key, tail)).resolves.toBeUndefined();
      await expect(tails.remove(newObjectKey('1'), tail)).resolves.toBeUndefined();
    });

    it('all are cleared away from an object that has become whole, and no others', async () => {
      const other = newObjectKey('1');
      const kept = await tails.write(other, Buffer.from('kept'));
      const all = await Promise.all(['a', 'b', 'c'].map((text) => tails.write(key, Buffer.from(text))));
      await tails.clear(key);
      for (const tail of all) await expect(tails.read(key, tail)).rejects.toThrow(ObjectNotFound);
      expect((await tails.read(other, kept)).toString()).toBe('kept');
      await expect(tails.clear(key)).resolves.toBeUndefined();
    });

    it('all of them go with their object, and no others', async () => {
      const other = newObjectKey('1');
      const kept = await tails.write(other, Buffer.from('kept'));
      for (const text of ['a', 'b', 'c']) await tails.write(key, Buffer.from(text));
      await objects.remove(key);
      expect(await leftovers(key)).toHaveLength(1);
      expect((await tails.read(other, kept)).toString()).toBe('kept');
    });
  });
}
