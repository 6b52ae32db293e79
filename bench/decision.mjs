import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decide, logIn, mintToken, upload } from './parts/caller.mjs';
import { startBareFastify } from './parts/start-bare-fastify.mjs';
import { wrk } from './parts/wrk.mjs';

/** Short rounds, and many: on a machine that others use too, the two sides of a round then see the same of it. */
const LOAD = { connections: 64, seconds: 2 };

/**
 * @param {string} name
 * @param {string} who
 * @param {boolean} byToken
 * @returns {import('./benchmark.js').Benchmark}
 */
const row = (name, who, byToken) => ({
  name,
  ratio: `requests/s of the X-Accel decision (GET /download/:id, ${who}) ÷ of a bare Fastify hello`,
  unit: 'requests/s',
  goal: { atLeast: 0.5 },
  rounds: 15,
  prepare: async (setting) => {
    const { stack, folder, signal } = setting;
    const path = join(folder, '1-kib.bin');
    await writeFile(path, randomBytes(1024));
    const owner = await logIn(setting);
    const fileId = await upload(setting, owner, path);
    const query = byToken ? `?token=${await mintToken(setting, owner, fileId)}` : '';
    const credentials = byToken ? {} : owner;
    const hello = await startBareFastify(setting);
    const p99 = { candidate: 0, baseline: 0 };
    return {
      candidate: async () => {
        // wrk counts what is above 399; that the others are what they should be is seen before and after.
        await decide(setting, credentials, fileId + query);
        const url = `${stack.appUrl}/download/${fileId}${query}`;
        const load = await wrk(url, { ...LOAD, headers: credentials, signal });
        await decide(setting, credentials, fileId + query);
        p99.candidate = load.p99;
        return load.requestsPerSecond;
      },
      baseline: async () => {
        const load = await wrk(`${hello}/`, { ...LOAD, signal });
        p99.baseline = load.p99;
        return load.requestsPerSecond;
      },
      remarks: () =>
        Promise.resolve([
          `p99 of the last round, 64 connections: ${p99.candidate.toFixed(1)} ms, hello ${p99.baseline.toFixed(1)} ms`,
        ]),
    };
  },
});

export const decision = row('decision', 'JWT of the owner', false);
export const decisionToken = row('decision-token', 'a download token', true);
