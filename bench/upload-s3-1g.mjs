import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { findBoto3 } from '../scripts/bootstrap/boto3.mjs';
import { runChild } from '../scripts/process/child-processes.mjs';
import { logIn, upload } from './parts/caller.mjs';
import { uploadInChunks } from './parts/chunk-upload.mjs';
import { watchGrowth } from './parts/memory.mjs';
import { withS3Stack } from './parts/s3-stack.mjs';
import { renewContent, sparseFile } from './parts/sparse-file.mjs';

/** @typedef {import('./benchmark.js').Setting} Setting */
/** @typedef {import('./parts/caller.mjs').Credentials} Credentials */

const SIZE = 2 ** 30;
const MIB = 2 ** 20;
const CHUNK = 16 * MIB;

/** MiB by which the application's memory may grow while GiBs come in: four parts of 8 MiB, and what warming up takes. */
const MAX_GROWTH = 96;

const BOTO3_STORE = fileURLToPath(new URL('parts/boto3-store.py', import.meta.url));

/** @type {import('./benchmark.js').Benchmark} */
export const uploadS31g = {
  name: 'upload-s3-1g',
  ratio:
    'bytes/s of 1 GiB into a MinIO by `POST /files` (curl, nginx, application) ÷ by boto3’s upload_file, which asks nobody',
  unit: 'MiB/s',
  goal: { atLeast: 0.9 },
  rounds: 7,
  prepare: async (common) => {
    const setting = await withS3Stack(common);
    const path = await sparseFile(join(setting.folder, '1-gib.bin'), SIZE);
    return besideBoto3(setting, path, async (credentials) => {
      await renewContent(path);
      return upload(setting, credentials, path);
    });
  },
};

/** @type {import('./benchmark.js').Benchmark} */
export const uploadChunksS31g = {
  name: 'upload-chunks-s3-1g',
  ratio:
    'bytes/s of 1 GiB into a MinIO in chunks of 16 MiB, read back and hashed (curl, nginx, application) ÷ by boto3’s upload_file',
  unit: 'MiB/s',
  rounds: 7,
  prepare: async (common) => {
    const setting = await withS3Stack(common);
    const path = await sparseFile(join(setting.folder, '1-gib.bin'), SIZE);
    const chunk = await sparseFile(join(setting.folder, 'chunk.bin'), CHUNK);
    const list = join(setting.folder, 'list');
    return besideBoto3(setting, path, async (credentials) => {
      await renewContent(chunk);
      await uploadInChunks(setting, credentials, { size: SIZE, chunkSize: CHUNK, chunk, list, atOnce: 4 });
    });
  },
};

/**
 * @param {Setting} setting with an S3 stack
 * @param {string} path of what boto3 sends
 * @param {(credentials: Credentials) => Promise<unknown>} send as many bytes by our way
 * @returns {Promise<import('./benchmark.js').Pair>}
 */
async function besideBoto3(setting, path, send) {
  const { stack, signal } = setting;
  const boto3 = findBoto3();
  if (boto3 === undefined) throw new Error('boto3 is not there');
  const python = async (/** @type {readonly string[]} */ ...args) => {
    const { code, stdout, output } = await runChild(boto3.file, [BOTO3_STORE, ...args], {
      env: { ...boto3.env, ...stack.env },
      signal,
    });
    if (code !== 0) throw new Error(`boto3 ended with exit code ${String(code)}:\n${output.trim()}`);
    return stdout;
  };
  const credentials = await logIn(setting);
  await send(credentials);
  await python('empty');
  const growth = await watchGrowth(stack.app?.pid ?? NaN, MAX_GROWTH);
  let uploads = 0;
  return {
    candidate: async () => {
      uploads += 1;
      const since = performance.now();
      await send(credentials);
      const seconds = (performance.now() - since) / 1000;
      await python('empty');
      return SIZE / MIB / seconds;
    },
    baseline: async () => {
      const seconds = Number(await python('upload', path));
      await python('empty');
      return SIZE / MIB / seconds;
    },
    remarks: async () => [`the application's memory during ${String(uploads)} uploads: ${await growth()}`],
  };
}
