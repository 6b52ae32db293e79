import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { requireProgram } from '../scripts/bootstrap/programs.mjs';
import { runChild } from '../scripts/process/child-processes.mjs';
import { startStack } from '../scripts/stack/start-stack.mjs';
import { logIn, upload } from './parts/caller.mjs';
import { residentMemory, resetPeak } from './parts/memory.mjs';

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
  prepare: async (setting) => {
    const { stack, folder, signal, onEnd } = setting;
    // An nginx and an application of its own, whose new blobs go to a MinIO; on the same data.
    const s3 = await startStack({
      dataDir: join(folder, 'stack'),
      parts: ['nginx', 'app'],
      s3: true,
      databaseUrl: stack.databaseUrl,
      redisUrl: stack.redisUrl,
      env: { ...stack.env, S3_ENDPOINT: undefined, S3_BUCKET: 'bench', DEFAULT_VOLUME: 's3' },
      signal,
    });
    onEnd(() => s3.stop());
    const python = async (/** @type {readonly string[]} */ ...args) => {
      const { code, stdout, output } = await runChild(requireProgram('python3'), [BOTO3_STORE, ...args], {
        env: { ...process.env, ...s3.env },
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
    await upload({ ...setting, stack: s3 }, credentials, path);
    await python('empty');

    const pid = s3.app?.pid ?? NaN;
    await resetPeak(pid);
    const before = await residentMemory(pid);
    return {
      candidate: async () => {
        uploads += 1;
        await change();
        const since = performance.now();
        await upload({ ...setting, stack: s3 }, credentials, path);
        const seconds = (performance.now() - since) / 1000;
        await python('empty');
        return SIZE / MIB / seconds;
      },
      baseline: async () => {
        const seconds = Number(await python('upload', path));
        await python('empty');
        return SIZE / MIB / seconds;
      },
      remarks: async () => {
        const { peak } = await residentMemory(pid);
        const grown = peak - before.now;
        const said =
          `the application's memory during ${String(uploads)} uploads: at most ${peak.toFixed(0)} MiB, ` +
          `${grown.toFixed(0)} MiB above what it had after the first`;
        if (!(grown <= MAX_GROWTH)) throw new Error(`${said}; ${String(MAX_GROWTH)} MiB are allowed`);
        return [said];
      },
    };
  },
};
