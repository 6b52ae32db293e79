import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Leftover,
  type Leftovers,
  newObjectKey,
  type ObjectKey,
} from '../../src/modules/storage/index.js';

const never = new AbortController().signal;
const SOON = () => new Date(Date.now() + 60_000);

export interface LeftoversLab {
  readonly leftovers: Leftovers;
  /** Leaves an unfinished write of the key behind. */
  readonly begin: (key: ObjectKey) => Promise<void>;
  /** Writes the object of the key. */
  readonly write: (key: ObjectKey) => Promise<void>;
  /** Leaves behind what is unfinished too and has no key of ours. */
  readonly beginForeign: () => Promise<void>;
  readonly size: (key: ObjectKey) => Promise<number>;
}

/** What every adapter of the port must keep. */
export function leftoversContract(name: string, open: () => Promise<LeftoversLab>): void {
  describe(`Leftovers: ${name}`, () => {
    let lab: LeftoversLab;
    beforeEach(async () => {
      lab = await open();
    });
    const list = async (before = SOON(), signal = never): Promise<Leftover[]> => {
      const found: Leftover[] = [];
      for await (const leftover of lab.leftovers.list(before, signal)) found.push(leftover);
      return found;
    };
    const keys = async () => (await list()).map(({ key }) => key).toSorted();

    it('nothing on a volume that holds nothing', async () => {
      expect(await list()).toEqual([]);
    });

    it('finds unfinished writes, and neither whole objects nor what is not ours', async () => {
      const begun = [newObjectKey('1'), newObjectKey('1'), newObjectKey('22')].toSorted();
      for (const key of begun) await lab.begin(key);
      await lab.write(newObjectKey('1'));
      await lab.beginForeign();
      expect(await keys()).toEqual(begun);
    });

    it('spares what is younger', async () => {
      await lab.begin(newObjectKey('1'));
      expect(await list(new Date(Date.now() - 60_000))).toEqual([]);
    });

    it('removes one and nothing else: neither another of the same key nor its object', async () => {
      const key = newObjectKey('1');
      const other = newObjectKey('1');
      await lab.write(key);
      for (const one of [key, key, other]) await lab.begin(one);
      const first = (await list()).find((leftover) => leftover.key === key);
      if (first === undefined) throw new Error('it is not in the list');
      await lab.leftovers.remove(first);
      expect(await keys()).toEqual([key, other].toSorted());
      expect(await lab.size(key)).toBeGreaterThan(0);
      // Once more is no error.
      await lab.leftovers.remove(first);
      expect(await keys()).toHaveLength(2);
    });

    it('an aborted list ends with AbortError', async () => {
      await lab.begin(newObjectKey('1'));
      await expect(list(SOON(), AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
    });
  });
}
