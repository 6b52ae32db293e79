import { join } from 'node:path';
import { decide, logIn, upload } from './parts/caller.mjs';
import { bytesPerSecond } from './parts/download.mjs';
import { watchGrowth } from './parts/memory.mjs';
import { sparseFile } from './parts/sparse-file.mjs';
import { startStaticNginx } from './parts/static-nginx.mjs';

const SIZE = 2 ** 30;
const MIB = 2 ** 20;

/**
 * Of one round. Several at once keep every core at work, and then it matters little on which core which program sits:
 * of a single stream, one round in three is a fifth off.
 */
const LOAD = { atOnce: 4, each: 2, size: SIZE };

/** MiB by which the application's memory may grow while GiBs go out: warming up takes some, a body would take all. */
const MAX_GROWTH = 64;

/** @type {import('./benchmark.js').Benchmark} */
export const accel1g = {
  name: 'accel-1g',
  ratio: 'bytes/s of 1 GiB by nginx and the application (X-Accel-Redirect) ÷ by nginx alone, the same file',
  unit: 'MiB/s',
  goal: { atLeast: 0.95 },
  rounds: 15,
  prepare: async (setting) => {
    const { stack, folder, signal } = setting;
    const { app } = stack;
    if (app === undefined) throw new Error('the stack runs without the application');
    const path = await sparseFile(join(folder, '1-gib.bin'), SIZE);
    const credentials = await logIn(setting);
    const fileId = await upload(setting, credentials, path);

    // Memory that the upload and earlier rows have left would hide what downloads take.
    await app.stop();
    await app.start(signal);
    const internal = await decide(setting, credentials, fileId);
    const key = internal.replace(/^\/_accel\/local\/whole\//, '');
    const alone = `${await startStaticNginx(setting, join(stack.dataDir, 'blobs'))}/${key}`;
    const ours = `http://127.0.0.1:${String(stack.publicPort)}/download/${fileId}`;

    const growth = await watchGrowth(app.pid ?? NaN, MAX_GROWTH);
    let downloads = 0;
    return {
      candidate: async () => {
        downloads += LOAD.atOnce * LOAD.each;
        return (await bytesPerSecond(ours, { ...LOAD, headers: credentials, signal })) / MIB;
      },
      baseline: async () => (await bytesPerSecond(alone, { ...LOAD, signal })) / MIB,
      remarks: async () => [
        `the application's memory during ${String(downloads)} downloads: ${await growth()}`,
      ],
    };
  },
};
