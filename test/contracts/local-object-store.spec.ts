import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalObjectStore } from '../../src/modules/storage/drivers/local-object-store.js';
import { LocalVolume } from '../../src/modules/storage/drivers/local-volume.js';
import { objectStoreContract } from './object-store.contract.js';

objectStoreContract('local file system', async () => {
  const root = await mkdtemp(join(tmpdir(), 'local-store-'));
  return {
    store: new LocalObjectStore(new LocalVolume(root)),
    leftovers: async () => {
      const entries = await readdir(root, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    },
  };
});
