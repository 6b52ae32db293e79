import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applicationNode } from '../scripts/stack/application.mjs';
import { logIn } from './parts/caller.mjs';
import { forgetBytes } from './parts/forget-bytes.mjs';
import { renewContent, sparseFile } from './parts/sparse-file.mjs';
import { startPart } from './parts/start-part.mjs';
import { uploadByTus } from './parts/tus-upload.mjs';

const MIB = 2 ** 20;
const SIZE = 2 * 2 ** 30;

const TUS_FILE_STORE = fileURLToPath(new URL('parts/tus-file-store.mjs', import.meta.url));

/** @type {import('./benchmark.js').Benchmark} */
export const uploadTus2g = {
  name: 'upload-tus-2g',
  ratio: 'bytes/s of 2 GiB by tus in one PATCH ÷ of the same into @tus/server with its file store',
  unit: 'MiB/s',
  goal: { atLeast: 1 },
  rounds: 7,
  prepare: async (setting) => {
    const { stack, folder, signal } = setting;
    const path = await sparseFile(join(folder, '2-gib.bin'), SIZE);
    const others = join(folder, 'others');
    await mkdir(others);
    const other = await startPart('tus-file-store', setting, (port) => ({
      file: applicationNode(),
      args: [TUS_FILE_STORE, String(port), others],
    }));
    const credentials = await logIn(setting);
    const metadata = `filename ${Buffer.from('bench.bin').toString('base64')}`;
    const file = { path, size: SIZE, metadata };
    return {
      candidate: async () => {
        await renewContent(path);
        const seconds = await uploadByTus(`${stack.appUrl}/api/v1/tus`, { ...credentials }, file, signal);
        await forgetBytes(setting, SIZE);
        return SIZE / MIB / seconds;
      },
      baseline: async () => {
        const seconds = await uploadByTus(`${other}/files`, {}, file, signal);
        await rm(others, { recursive: true });
        await mkdir(others);
        return SIZE / MIB / seconds;
      },
    };
  },
};
