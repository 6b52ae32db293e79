import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { LocalLeftovers } from '../../src/modules/storage/drivers/local-leftovers.js';
import { LocalObjectStore } from '../../src/modules/storage/drivers/local-object-store.js';
import { LocalVolume } from '../../src/modules/storage/drivers/local-volume.js';
import { leftoversContract } from './leftovers.contract.js';

leftoversContract('local file system', async () => {
  const root = await mkdtemp(join(tmpdir(), 'local-leftovers-'));
  const store = new LocalObjectStore(new LocalVolume(root));
  let count = 0;
  const leave = async (name: string) => {
    await mkdir(join(root, '.tmp'), { recursive: true });
    await writeFile(join(root, '.tmp', name), Buffer.alloc(100));
  };
  return {
    leftovers: new LocalLeftovers(root),
    begin: (key) => leave(`${key.replaceAll('/', '-')}.${(count += 1)}`),
    write: async (key) => {
      await store.write(key, Readable.from([Buffer.alloc(10)]), new AbortController().signal);
    },
    beginForeign: async () => {
      await leave('notes.txt');
      await leave(`1-ab-${'c'.repeat(29)}.short`);
      await mkdir(join(root, '.tmp', `1-ab-${'c'.repeat(30)}.folder`));
    },
    size: (key) => store.size(key),
  };
});
