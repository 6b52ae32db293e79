import { join } from 'node:path';
import { logIn, redirection, upload } from './parts/caller.mjs';
import { bytesPerSecond } from './parts/download.mjs';
import { watchGrowth } from './parts/memory.mjs';
import { startProxyingNginx } from './parts/proxying-nginx.mjs';
import { withS3Stack } from './parts/s3-stack.mjs';
import { sparseFile } from './parts/sparse-file.mjs';

const SIZE = 2 ** 30;
const MIB = 2 ** 20;
const LOAD = { atOnce: 2, each: 1, size: SIZE };
/** MiB by which the application's memory may grow while GiBs go out. */
const MAX_GROWTH = 64;

/** @type {import('./benchmark.js').Benchmark} */
export const accelS31g = {
  name: 'accel-s3-1g',
  ratio:
    'bytes/s of 1 GiB from MinIO by nginx and the application (accel-s3) ÷ by an nginx that proxies MinIO plainly',
  unit: 'MiB/s',
  goal: { atLeast: 0.95 },
  rounds: 15,
  prepare: async (common) => {
    const setting = await withS3Stack(common);
    const { stack, folder, signal } = setting;
    const { app } = stack;
    if (app === undefined) throw new Error('the stack runs without the application');
    const path = await sparseFile(join(folder, '1-gib.bin'), SIZE);
    const credentials = await logIn(setting);
    const fileId = await upload(setting, credentials, path);
    const presigned = new URL(await redirection(setting, credentials, fileId));
    const plain = await startProxyingNginx(setting, presigned.host);
    const ours = `http://127.0.0.1:${String(stack.publicPort)}/download/${fileId}`;
    // The volume is `auto`: a condition keeps it from redirecting.
    const headers = { ...credentials, 'If-None-Match': '"another"' };
    await app.stop();
    await app.start(signal);
    const growth = await watchGrowth(app.pid ?? NaN, MAX_GROWTH);
    return {
      candidate: async () => (await bytesPerSecond(ours, { ...LOAD, headers, signal })) / MIB,
      baseline: async () => {
        const { pathname, search } = new URL(await redirection(setting, credentials, fileId));
        return (await bytesPerSecond(plain + pathname + search, { ...LOAD, signal })) / MIB;
      },
      remarks: async () => [`the application's memory: ${await growth()}`],
    };
  },
};
