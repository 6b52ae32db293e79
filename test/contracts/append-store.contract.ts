import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type AppendStore,
  newObjectKey,
  type ObjectKey,
  ObjectNotFound,
  type ObjectStore,
  type OpenUpload,
  type PartStore,
} from '../../src/modules/storage/index.js';

const SIZE = 1_000_000;
const never = new AbortController().signal;

/** What every adapter of the port must keep. `leftovers` lists everything that is stored. */
export function appendStoreContract(
  name: string,
  open: () => Promise<{
    appends: AppendStore;
    parts: PartStore;
    objects: ObjectStore;
    leftovers: (key: ObjectKey) => Promise<string[]>;
  }>,
): void {
  describe(`AppendStore: ${name}`, () => {
    let test: Awaited<ReturnType<typeof open>>;
    let upload: OpenUpload;
    let kept: number[];
    const bytes = randomBytes(SIZE);
    beforeEach(async () => {
      test = await open();
      const key = newObjectKey('1');
      upload = { key, size: SIZE, handle: await test.parts.begin(key, SIZE) };
      kept = [];
    });

    const keep = (through: number): Promise<void> => {
      kept.push(through);
      return Promise.resolve();
    };
    const append = (offset: number, source: Readable, signal = never) =>
      test.appends.append(upload, offset, source, signal, keep);
    const whole = async () => {
      await test.parts.complete(upload, []);
      return buffer(await test.objects.read(upload.key, { first: 0, last: SIZE - 1 }, never));
    };

    it('in several pieces, each kept when it is there', async () => {
      await append(0, Readable.from([bytes.subarray(0, 10)]));
      await append(10, Readable.from([bytes.subarray(10, 500_000), bytes.subarray(500_000)]));
      expect(kept).toEqual([10, SIZE]);
      expect((await whole()).equals(bytes)).toBe(true);
      expect(await test.leftovers(upload.key)).toHaveLength(1);
    });

    it('a body without bytes keeps nothing', async () => {
      await append(0, Readable.from([]));
      expect(kept).toEqual([]);
    });

    it.each<[string, (source: PassThrough, abort: AbortController) => void]>([
      [
        'is aborted',
        (_, abort) => {
          abort.abort();
        },
      ],
      ['breaks', (source) => source.destroy(new Error('the source broke'))],
    ])('what has come is kept of a source that %s', async (_, end) => {
      const source = new PassThrough();
      const abort = new AbortController();
      const appending = append(0, source, abort.signal);
      appending.catch(() => undefined);
      source.write(bytes.subarray(0, 123_456));
      await sleep(100);
      end(source, abort);
      await expect(appending).rejects.toThrow();
      expect(source.destroyed).toBe(true);
      expect(kept).toEqual([123_456]);
      await append(123_456, Readable.from([bytes.subarray(123_456)]));
      expect((await whole()).equals(bytes)).toBe(true);
    });

    it('fails with what keeping fails with', async () => {
      const failing = test.appends.append(upload, 0, Readable.from([bytes]), never, () =>
        Promise.reject(new Error('not kept')),
      );
      await expect(failing).rejects.toThrow('not kept');
    });

    it('who began before it was detached does not reach it any more', async () => {
      const late = new PassThrough();
      await append(0, Readable.from([bytes.subarray(0, 1_000)]));
      const writing = append(1_000, late);
      late.write(Buffer.from('a'));
      await sleep(50);
      await test.appends.detach(upload, 1_000);
      await append(1_000, Readable.from([bytes.subarray(1_000)]));
      late.end(randomBytes(1_000));
      await writing;
      expect((await whole()).equals(bytes)).toBe(true);
      expect(await test.leftovers(upload.key)).toHaveLength(1);
    });

    it('one that was given up is gone', async () => {
      await test.objects.remove(upload.key);
      await expect(append(0, Readable.from([bytes]))).rejects.toThrow(ObjectNotFound);
      await expect(test.appends.detach(upload, 1)).rejects.toThrow(ObjectNotFound);
      await expect(test.appends.detach(upload, 0)).rejects.toThrow(ObjectNotFound);
      expect(await test.leftovers(upload.key)).toEqual([]);
    });
  });
}
