import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decide, logIn, upload } from './parts/caller.mjs';
import { stormLogins } from './parts/login-storm.mjs';
import { wrk } from './parts/wrk.mjs';

/** Less than loopback sends as one segment: two of them meet Nagle and delayed ACKs, and a tail of 40 ms. */
const SIZE = 16 * 1024;

/** Fewer than the machine can take: what waits in a full queue would hide what the logins cost. */
const LOAD = { connections: 4, seconds: 3 };
const LOGINS_PER_SECOND = 50;

/** @type {import('./benchmark.js').Benchmark} */
export const loginStorm = {
  name: 'login-storm',
  ratio: `p99 of downloads of 16 KiB with ${String(LOGINS_PER_SECOND)} logins/s beside them ÷ without`,
  unit: 'ms',
  goal: { atMost: 3 },
  rounds: 15,
  prepare: async (setting) => {
    const { stack, folder, signal } = setting;
    const path = join(folder, '16-kib.bin');
    await writeFile(path, randomBytes(SIZE));
    const credentials = await logIn(setting);
    const fileId = await upload(setting, credentials, path);
    await decide(setting, credentials, fileId);
    const url = `http://127.0.0.1:${String(stack.publicPort)}/download/${fileId}`;
    const measure = async () => (await wrk(url, { ...LOAD, headers: credentials, signal })).p99;
    let hashed = 0;
    return {
      candidate: async () => {
        const end = stormLogins(stack.appUrl, LOGINS_PER_SECOND, signal);
        try {
          return await measure();
        } finally {
          hashed = await end();
        }
      },
      baseline: measure,
      remarks: () =>
        Promise.resolve([`logins hashed in the last round: ${(hashed / LOAD.seconds).toFixed(0)} a second`]),
    };
  },
};
