import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { ROOT } from '../bootstrap/checkout.mjs';
import { runChild } from '../process/child-processes.mjs';
import { Interrupted } from '../process/interrupted.mjs';
import { checkOpenApi } from './openapi-drift.mjs';

/** @typedef {{ name: string, ok: boolean, seconds: number, output: string }} CheckResult */
/** @typedef {import('../process/progress.mjs').StepReporter} StepReporter */
/** @typedef {(progress: StepReporter, signal: AbortSignal) => Promise<{ ok: boolean, output: string }>} Check */

/** Compilers are greedy: more of them side by side gain nothing on the two cores of a small machine. */
const SIDE_BY_SIDE = 2;

/**
 * @param {string} script of a package, below node_modules
 * @param {readonly string[]} args
 * @returns {Check}
 */
function tool(script, args) {
  return async (_progress, signal) => {
    const options = { cwd: ROOT, signal };
    const { code, output } = await runChild(
      process.execPath,
      [join(ROOT, 'node_modules', script), ...args],
      options,
    );
    return { ok: code === 0, output };
  };
}

/** @returns {readonly (readonly [string, Check])[]} the longest first */
function allChecks() {
  const eslintCache = process.env.CI ? [] : ['--cache', '--cache-location', '.cache/eslint/'];
  return [
    ['lint', tool('eslint/bin/eslint.js', ['.', '--max-warnings', '0', ...eslintCache])],
    ['types', tool('typescript/bin/tsc', ['--noEmit'])],
    ['openapi', checkOpenApi],
    ['format', tool('prettier/bin/prettier.cjs', ['--check', '.'])],
    [
      'imports',
      tool('dependency-cruiser/bin/dependency-cruiser.mjs', ['src', '--config', '.dependency-cruiser.cjs']),
    ],
  ];
}

/**
 * Runs all checks, whichever fail, and shows the output of those that do.
 * @param {StepReporter} progress
 * @param {AbortSignal} signal
 * @returns {Promise<CheckResult[]>}
 */
export async function runChecks(progress, signal) {
  const waiting = [...allChecks()];
  /** @type {CheckResult[]} */
  const results = [];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [name, check] = next;
      const since = performance.now();
      const { ok, output } = await check(progress, signal).catch((/** @type {unknown} */ error) => {
        if (error instanceof Interrupted) throw error;
        return { ok: false, output: error instanceof Error ? error.message : String(error) };
      });
      const seconds = (performance.now() - since) / 1000;
      results.push({ name, ok, seconds, output });
      progress.line(`▸ check: ${name} … ${ok ? 'ok' : 'FAILED'} (${seconds.toFixed(1)} s)`);
      if (!ok) progress.line(`${output.trim()}\n`);
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  return results;
}
