import { fileURLToPath } from 'node:url';
import { requireProgram } from '../../scripts/bootstrap/programs.mjs';
import { runChild } from '../../scripts/process/child-processes.mjs';
import { parseJson } from '../../scripts/process/parse-json.mjs';

const REPORT = fileURLToPath(new URL('wrk-report.lua', import.meta.url));

/**
 * @typedef {object} Load
 * @property {number} requestsPerSecond
 * @property {number} p50 milliseconds
 * @property {number} p99 milliseconds
 */

/** @typedef {{ requests: number, microseconds: number, p50: number, p99: number } & Record<typeof TROUBLE[number], number>} Report */

const TROUBLE = /** @type {const} */ (['connect', 'read', 'write', 'timeout', 'status']);

/**
 * GETs one URL again and again over kept connections, by one thread of wrk.
 * @param {string} url
 * @param {object} options
 * @param {number} options.connections
 * @param {number} options.seconds
 * @param {Readonly<Record<string, string>>} [options.headers]
 * @param {AbortSignal} options.signal
 * @returns {Promise<Load>} rejects when there was any socket error, late answer (2 s) or status above 399; wrk does
 *   not tell the other statuses apart
 */
export async function wrk(url, { connections, seconds, headers = {}, signal }) {
  const args = ['-t1', `-c${String(connections)}`, `-d${String(seconds)}s`, '-s', REPORT];
  for (const [name, value] of Object.entries(headers)) args.push('-H', `${name}: ${value}`);
  const { code, stdout, output } = await runChild(requireProgram('wrk'), [...args, url], { signal });
  if (code !== 0) throw new Error(`wrk ended with exit code ${String(code)}:\n${output.trim()}`);
  const report = /** @type {Report} */ (parseJson(stdout.trim().split('\n').at(-1) ?? ''));
  const trouble = TROUBLE.filter((kind) => report[kind] > 0);
  if (trouble.length > 0) {
    const counts = trouble.map((kind) => `${kind} ${String(report[kind])}`).join(', ');
    throw new Error(`wrk had errors in ${String(report.requests)} requests to ${url}: ${counts}`);
  }
  return {
    requestsPerSecond: report.requests / (report.microseconds / 1e6),
    p50: report.p50 / 1000,
    p99: report.p99 / 1000,
  };
}
