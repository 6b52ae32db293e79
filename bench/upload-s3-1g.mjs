import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { findBoto3 } from '../scripts/bootstrap/boto3.mjs';
import { runChild } from '../scripts/process/child-processes.mjs';
import { logIn, upload } from './parts/caller.mjs';
import { watchGrowth } from './parts/memory.mjs';
import { withS3Stack } from './parts/s3-stack.mjs';

const SIZE = 2 ** 30;
const MIB = 2 ** 20;

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
    const { stack, folder, signal } = setting;
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

    const path = join(folder, '1-gib.bin');
    await writeFile(path, '');
    await truncate(path, SIZE);
    const credentials = await logIn(setting);
    let uploads = 0;
    /** Content that is known already would be stored once. */
    const change = async () => {
      const file = await open(path, 'r+');
      await file.write(`${String(Date.now())} ${String(uploads)}`, 0);
      await file.close();
    };
    await change();
    await upload(setting, credentials, path);
    await python('empty');

    const growth = await watchGrowth(stack.app?.pid ?? NaN, MAX_GROWTH);
    return {
      candidate: async () => {
        uploads += 1;
        await change();
        const since = performance.now();
        await upload(setting, credentials, path);
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
  },
};
