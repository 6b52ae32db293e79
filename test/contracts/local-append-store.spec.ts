import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalObjectStore } from '../../src/modules/storage/drivers/local-object-store.js';
import { LocalAppendStore } from '../../src/modules/storage/drivers/local-append-store.js';
import { LocalPartStore } from '../../src/modules/storage/drivers/local-part-store.js';
import { LocalVolume } from '../../src/modules/storage/drivers/local-volume.js';
import { appendStoreContract } from './append-store.contract.js';

appendStoreContract('local file system', async () => {
  const root = await mkdtemp(join(tmpdir(), 'local-appends-'));
  return {
    parts: new LocalPartStore(new LocalVolume(root)),
    appends: new LocalAppendStore(new LocalVolume(root)),
    objects: new LocalObjectStore(new LocalVolume(root)),
    leftovers: async () => {
      const entries = await readdir(root, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    },
  };
});
