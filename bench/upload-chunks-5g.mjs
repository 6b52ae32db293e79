import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { runChild } from '../scripts/process/child-processes.mjs';
import { logIn } from './parts/caller.mjs';
import { uploadInChunks } from './parts/chunk-upload.mjs';
import { forgetBytes } from './parts/forget-bytes.mjs';
import { watchGrowth } from './parts/memory.mjs';
import { renewContent, sparseFile } from './parts/sparse-file.mjs';

const MIB = 2 ** 20;
const SIZE = 5 * 2 ** 30;
const CHUNK = 16 * MIB;
const WARMING = 2 ** 30;
const AT_ONCE = 4;
const MAX_GROWTH = 64;

/** @type {import('./benchmark.js').Benchmark} */
export const uploadChunks5g = {
  name: 'upload-chunks-5g',
  ratio:
    'bytes/s of 5 GiB in chunks with SHA-256 to a local volume ÷ of the slower of `openssl dgst -sha256` and a plain disk write (dd, fdatasync)',
  unit: 'MiB/s',
  goal: { atLeast: 0.8 },
  rounds: 5,
  prepare: async (setting) => {
    const { stack, folder, signal } = setting;
    const chunk = await sparseFile(join(folder, 'chunk.bin'), CHUNK);
    const whole = await sparseFile(join(folder, 'whole.bin'), SIZE);
    const credentials = await logIn(setting);
    const list = join(folder, 'list');
    const upload = async (/** @type {number} */ size) => {
      await renewContent(chunk);
      const plan = { size, chunkSize: CHUNK, chunk, list, atOnce: AT_ONCE };
      const figures = await uploadInChunks(setting, credentials, plan);
      await forgetBytes(setting, size);
      return figures;
    };
    // Its threads are started by the first upload that needs them.
    await upload(WARMING);
    const growth = await watchGrowth(stack.app?.pid ?? NaN, MAX_GROWTH);
    /** @type {number[]} */
    const completing = [];
    const timed = async (/** @type {string} */ program, /** @type {readonly string[]} */ args) => {
      const since = performance.now();
      const { code, output } = await runChild(program, [...args], { signal });
      if (code !== 0) throw new Error(`${program} failed: ${output.trim()}`);
      return (performance.now() - since) / 1000;
    };
    return {
      candidate: async () => {
        const { seconds, completing: took } = await upload(SIZE);
        completing.push(took);
        return SIZE / MIB / seconds;
      },
      baseline: async () => {
        const copy = join(folder, 'copy.bin');
        const count = String(SIZE / MIB);
        const written = await timed('dd', [
          'if=/dev/zero',
          `of=${copy}`,
          'bs=1M',
          `count=${count}`,
          'conv=fdatasync',
        ]);
        await rm(copy);
        const hashed = await timed('openssl', ['dgst', '-sha256', whole]);
        return SIZE / MIB / Math.max(written, hashed);
      },
      remarks: async () => [
        `the application's memory: ${await growth()}`,
        `completing took ${completing.map((seconds) => `${(seconds * 1000).toFixed(0)} ms`).join(', ')}`,
      ],
    };
  },
};
