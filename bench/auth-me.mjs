import { fileURLToPath } from 'node:url';
import { applicationNode } from '../scripts/stack/application.mjs';
import { logIn } from './parts/caller.mjs';
import { startPart } from './parts/start-part.mjs';
import { wrk } from './parts/wrk.mjs';

const BARE_FASTIFY = fileURLToPath(new URL('parts/bare-fastify.mjs', import.meta.url));
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
    const hello = await startPart('bare-fastify', setting, (port) => ({
      file: applicationNode(),
      args: [BARE_FASTIFY, String(port)],
    }));
    const me = `${stack.appUrl}/api/v1/auth/me`;
    return {
      candidate: async () => (await wrk(me, { ...LOAD, headers: credentials, signal })).requestsPerSecond,
      baseline: async () => (await wrk(`${hello}/`, { ...LOAD, signal })).requestsPerSecond,
    };
  },
};
