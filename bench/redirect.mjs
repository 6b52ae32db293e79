import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logIn, redirection, upload } from './parts/caller.mjs';
import { withS3Stack } from './parts/s3-stack.mjs';
import { startBareFastify } from './parts/start-bare-fastify.mjs';
import { wrk } from './parts/wrk.mjs';

const LOAD = { connections: 64, seconds: 2 };

/** @type {import('./benchmark.js').Benchmark} */
export const redirect = {
  name: 'redirect',
  ratio:
    'requests/s of the 302 to a presigned URL (GET /download/:id, JWT of the owner) ÷ of a bare Fastify hello',
  unit: 'requests/s',
  goal: { atLeast: 0.4 },
  rounds: 15,
  prepare: async (common) => {
    const setting = await withS3Stack(common);
    const { stack, folder, signal } = setting;
    const path = join(folder, '1-kib.bin');
    await writeFile(path, randomBytes(1024));
    const credentials = await logIn(setting);
    const fileId = await upload(setting, credentials, path);
    const hello = await startBareFastify(setting);
    return {
      candidate: async () => {
        // wrk counts what is above 399; that the others are what they should be is seen before and after.
        await redirection(setting, credentials, fileId);
        const url = `${stack.appUrl}/download/${fileId}`;
        const { requestsPerSecond } = await wrk(url, { ...LOAD, headers: credentials, signal });
        await redirection(setting, credentials, fileId);
        return requestsPerSecond;
      },
      baseline: async () => (await wrk(`${hello}/`, { ...LOAD, signal })).requestsPerSecond,
    };
  },
};
