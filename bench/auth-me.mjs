import { logIn } from './parts/caller.mjs';
import { startBareFastify } from './parts/start-bare-fastify.mjs';
import { wrk } from './parts/wrk.mjs';

const LOAD = { connections: 64, seconds: 2 };

/** @type {import('./benchmark.js').Benchmark} */
export const authMe = {
  name: 'auth-me',
  ratio: 'requests/s of GET /api/v1/auth/me (JWT) ÷ of a bare Fastify hello',
  unit: 'requests/s',
  rounds: 15,
  prepare: async (setting) => {
    const { stack, signal } = setting;
    const credentials = await logIn(setting);
    const hello = await startBareFastify(setting);
    const me = `${stack.appUrl}/api/v1/auth/me`;
    return {
      candidate: async () => (await wrk(me, { ...LOAD, headers: credentials, signal })).requestsPerSecond,
      baseline: async () => (await wrk(`${hello}/`, { ...LOAD, signal })).requestsPerSecond,
    };
  },
};
