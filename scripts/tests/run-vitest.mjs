import { join } from 'node:path';
import { ROOT } from '../bootstrap/checkout.mjs';
import { exitOf, spawnChild } from '../process/child-processes.mjs';
import { sendSignal, signalTree } from '../process/process-identity.mjs';

/** Its global teardown stops servers: it gets the time for that. */
const SECONDS_TO_STOP = 30;

/** @returns {NodeJS.ProcessEnv} */
function environment() {
  if (!process.env.CI) return process.env;
  const { FORCE_COLOR: _colours, ...rest } = process.env;
  return { ...rest, NO_COLOR: '1' };
}

/**
 * Runs the tests; what they say goes to our output as it comes.
 * @param {readonly string[]} args of vitest
 * @param {string} report file for the machine-readable result
 * @param {AbortSignal} signal stops it, in order at first
 * @returns {Promise<import('../process/child-processes.mjs').ExitStatus>}
 */
export async function runVitest(args, report, signal) {
  signal.throwIfAborted();
  const child = spawnChild(
    process.execPath,
    [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...args].concat([
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ]),
    { cwd: ROOT, env: environment(), stdio: ['ignore', 'inherit', 'inherit'] },
  );
  /** @type {NodeJS.Timeout | undefined} */
  let lastResort;
  const stop = () => {
    const { pid } = child;
    if (pid === undefined) return;
    sendSignal(pid, 'SIGINT');
    lastResort = setTimeout(() => {
      signalTree(pid, 'SIGKILL');
    }, SECONDS_TO_STOP * 1000);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await exitOf(child);
  } finally {
    clearTimeout(lastResort);
    signal.removeEventListener('abort', stop);
  }
}
