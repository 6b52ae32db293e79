import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { S3Leftovers } from '../../src/modules/storage/drivers/s3/s3-leftovers.js';
import { S3ObjectStore } from '../../src/modules/storage/drivers/s3/s3-object-store.js';
import { newObjectKey } from '../../src/modules/storage/index.js';
import { type Engine, TestStore } from '../harness/object-stores.js';
import { HAS_MINIO, HAS_VERSITYGW } from '../harness/stores.js';
import { leftoversContract } from './leftovers.contract.js';

/** MinIO lists what is below a prefix only to who names the whole key: there the volume has none. */
const ENGINES: [Engine, boolean, string][] = [
  ['minio', HAS_MINIO, ''],
  ['versitygw', HAS_VERSITYGW, 'some/where/'],
];

describe.each(ENGINES)('%s', (engine, there, prefix) => {
  describe.skipIf(!there)(`with the prefix "${prefix}"`, () => {
    let server: TestStore;
    beforeAll(async () => {
      server = await TestStore.start(engine);
    }, 60_000);
    afterAll(() => server.stop());

    leftoversContract(engine, async () => {
      const volume = await server.volume(prefix);
      const store = new S3ObjectStore(volume);
      return {
        leftovers: new S3Leftovers(volume),
        begin: (key) => server.beginUpload(volume.bucket, prefix + key),
        write: async (key) => {
          await store.write(key, Readable.from([Buffer.alloc(10)]), new AbortController().signal);
        },
        beginForeign: async () => {
          await server.beginUpload(volume.bucket, `${prefix}notes.txt`);
          await server.beginUpload(volume.bucket, `elsewhere/${newObjectKey('1')}`);
        },
        size: (key) => store.size(key),
      };
    });

    it('more than one page of them', { timeout: 60_000 }, async () => {
      const volume = await server.volume(prefix);
      const keys = Array.from({ length: 1_100 }, () => newObjectKey('1')).toSorted();
      for (let at = 0; at < keys.length; at += 20)
        await Promise.all(
          keys.slice(at, at + 20).map((key) => server.beginUpload(volume.bucket, prefix + key)),
        );
      const found: string[] = [];
      const before = new Date(Date.now() + 60_000);
      for await (const { key } of new S3Leftovers(volume).list(before, new AbortController().signal))
        found.push(key);
      expect(found.toSorted()).toEqual(keys);
    });
  });
});
