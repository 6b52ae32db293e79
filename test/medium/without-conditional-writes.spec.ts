import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { S3Bucket } from '../../src/modules/storage/drivers/s3/s3-bucket.js';
import { S3ObjectStore } from '../../src/modules/storage/drivers/s3/s3-object-store.js';
import { newObjectKey, ObjectExists, type ObjectKey } from '../../src/modules/storage/index.js';
import { useMinio } from '../harness/own-minio.js';
import { HAS_MINIO } from '../harness/stores.js';

const never = new AbortController().signal;

/** Real MinIO, to which the header is not sent: so it replaces objects as a store does that does not know it. */
describe.skipIf(!HAS_MINIO)('a store that would replace objects', () => {
  const minio = useMinio();
  let store: S3ObjectStore;
  let unknown: S3ObjectStore;

  beforeAll(async () => {
    const volume = minio.volume();
    await new S3Bucket(volume).setUp();
    store = new S3ObjectStore(volume, () => false);
    unknown = new S3ObjectStore(volume);
  });

  const write = (to: S3ObjectStore, key: ObjectKey, bytes: Buffer) =>
    to.write(key, Readable.from([bytes]), never);

  it.each([1_000, 6 * 2 ** 20])('is asked first: an object of %i bytes stays as it is', async (size) => {
    for (const writer of [store, unknown]) {
      const key = newObjectKey('1');
      const first = randomBytes(size);
      await write(writer, key, first);
      const second = Readable.from([randomBytes(size)]);
      await expect(writer.write(key, second, never)).rejects.toThrow(ObjectExists);
      expect(second.destroyed).toBe(true);
      const there = await buffer(await writer.read(key, { first: 0, last: size - 1 }, never));
      expect(there.equals(first)).toBe(true);
    }
  });

  it.each([0, 1, 2, 5, 20])(
    'a source that breaks after %i ms, perhaps while it is asked, breaks the write alone',
    async (ms) => {
      const source = new Readable({ read: () => undefined });
      source.push(randomBytes(5 * 2 ** 20 + 1));
      const writing = store.write(newObjectKey('1'), source, never);
      const refused = expect(writing).rejects.toThrow('the source broke');
      await sleep(ms);
      source.destroy(new Error('the source broke'));
      await refused;
    },
  );
});
