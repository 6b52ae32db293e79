import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decide, logIn, upload } from './parts/caller.mjs';
import { startStaticNginx } from './parts/static-nginx.mjs';
import { wrk } from './parts/wrk.mjs';

const LOAD = { connections: 64, seconds: 2 };

/** @type {import('./benchmark.js').Benchmark} */
export const smallFiles = {
  name: 'small-files',
  ratio:
    'downloads/s of 64 KiB by nginx and the application (X-Accel-Redirect) ÷ by nginx alone, the same file',
  unit: 'downloads/s',
  goal: { atLeast: 0.45 },
  rounds: 15,
  prepare: async (setting) => {
    const { stack, folder, signal } = setting;
    const path = join(folder, '64-kib.bin');
    await writeFile(path, randomBytes(64 * 1024));
    const credentials = await logIn(setting);
    const fileId = await upload(setting, credentials, path);
    const internal = await decide(setting, credentials, fileId);
    const key = internal.replace(/^\/_accel\/local\/whole\//, '');
    const alone = `${await startStaticNginx(setting, join(stack.dataDir, 'blobs'))}/${key}`;
    const ours = `http://127.0.0.1:${String(stack.publicPort)}/download/${fileId}`;
    return {
      candidate: async () => {
        const load = await wrk(ours, { ...LOAD, headers: credentials, signal });
        await decide(setting, credentials, fileId);
        return load.requestsPerSecond;
      },
      baseline: async () => (await wrk(alone, { ...LOAD, signal })).requestsPerSecond,
    };
  },
};
