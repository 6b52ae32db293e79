import { join } from 'node:path';
import { parseJson } from '../scripts/process/parse-json.mjs';
import { logIn, upload } from './parts/caller.mjs';
import { bytesPerSecond } from './parts/download.mjs';
import { watchGrowth } from './parts/memory.mjs';
import { sparseFile } from './parts/sparse-file.mjs';

const MIB = 2 ** 20;
const RATE = 12 * MIB;

/** Four seconds' worth, by three transfers that share it. The round before has left an empty bucket. */
const LOAD = { atOnce: 3, each: 1, size: 16 * MIB };

/** MiB by which the application's memory may grow: each transfer holds a chunk or two. */
const MAX_GROWTH = 64;

/** @type {import('./benchmark.js').Benchmark} */
export const shapedUser = {
  name: 'shaped-user',
  ratio:
    "bytes/s of three downloads of one user at once, by nginx and the application ÷ that user's userRate",
  unit: 'MiB/s',
  goal: { atLeast: 0.9 },
  rounds: 5,
  prepare: async (setting) => {
    const { stack, folder, signal, onEnd } = setting;
    const path = await sparseFile(join(folder, '16-mib.bin'), LOAD.size);
    const credentials = await logIn(setting);
    const fileId = await upload(setting, credentials, path);
    await limit(stack, credentials, RATE);
    onEnd(() => limit(stack, credentials, null));

    const url = `http://127.0.0.1:${String(stack.publicPort)}/download/${fileId}`;
    const growth = await watchGrowth(stack.app?.pid ?? NaN, MAX_GROWTH);
    return {
      candidate: async () => {
        const measured = await bytesPerSecond(url, { ...LOAD, headers: credentials, signal });
        const seconds = (LOAD.atOnce * LOAD.size) / measured;
        // What the bucket allows: the rate, and a burst of one second's worth.
        if (measured * seconds > RATE * (seconds + 1))
          throw new Error(`${String(measured)} bytes/s over ${String(seconds)} s are more than the limit`);
        return measured / MIB;
      },
      baseline: () => Promise.resolve(RATE / MIB),
      remarks: async () => [`the application's memory: ${await growth()}`],
    };
  },
};

/**
 * Gives the caller a rate of its own, or takes it back.
 * @param {import('../scripts/stack/start-stack.mjs').Stack} stack
 * @param {import('./parts/caller.mjs').Credentials} credentials
 * @param {number | null} userRate bytes/s
 * @returns {Promise<void>}
 */
async function limit({ appUrl }, credentials, userRate) {
  const me = await fetch(`${appUrl}/api/v1/auth/me`, { headers: { ...credentials } });
  const { id } = /** @type {{ id: string }} */ (parseJson(await me.text()));
  const answer = await fetch(`${appUrl}/api/v1/users/${id}`, {
    method: 'PATCH',
    headers: { ...credentials, 'Content-Type': 'application/json' },
    body: JSON.stringify({ limits: { userRate } }),
  });
  if (answer.status !== 200)
    throw new Error(`the limit was answered ${String(answer.status)}: ${await answer.text()}`);
}
