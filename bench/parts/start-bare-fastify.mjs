import { fileURLToPath } from 'node:url';
import { applicationNode } from '../../scripts/stack/application.mjs';
import { startPart } from './start-part.mjs';

const BARE_FASTIFY = fileURLToPath(new URL('bare-fastify.mjs', import.meta.url));

/**
 * Starts a Fastify that does nothing but answer, on the Node that the application has.
 * @param {import('../benchmark.js').Setting} setting
 * @returns {Promise<string>} its origin
 */
export function startBareFastify(setting) {
  return startPart('bare-fastify', setting, (port) => ({
    file: applicationNode(),
    args: [BARE_FASTIFY, String(port)],
  }));
}
