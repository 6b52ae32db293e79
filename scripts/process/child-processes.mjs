import { spawn } from 'node:child_process';
import { signalTree, sendSignal } from './process-identity.mjs';

/**
 * @typedef {object} ChildOptions
 * @property {NodeJS.ProcessEnv | undefined} [env] whole environment; default: ours
 * @property {string | undefined} [cwd]
 * @property {import('node:child_process').StdioOptions | undefined} [stdio]
 * @property {'TERM' | 'INT' | 'KILL' | undefined} [deathSignal] what the child gets when this process ends in whatever way
 * @property {readonly string[] | undefined} [privileges] further options of setpriv
 * @property {boolean | undefined} [sameGroup] stay in our process group, so that a terminal's Ctrl-C reaches it too
 */

/** @typedef {{ code: number | null, signal: NodeJS.Signals | null }} ExitStatus */
/** @typedef {ExitStatus & { stdout: string, output: string }} RunResult output: stdout and stderr as they came */

/** @type {Set<import('node:child_process').ChildProcess>} */
const living = new Set();

/**
 * Starts a child that does not outlive us, not even after kill -9: setpriv asks the kernel for a signal at our
 * end, then becomes the program, so the pid is the program's own. Each child leads its own process group: a
 * terminal's Ctrl-C must not reach PostgreSQL and the application together, in no order.
 * The kernel watches the thread that forks: call it from the main thread, never from a worker.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {ChildOptions} [options]
 * @returns {import('node:child_process').ChildProcess}
 */
export function spawnChild(file, args, options = {}) {
  const { env, cwd, stdio = 'ignore', deathSignal = 'TERM', privileges = [], sameGroup = false } = options;
  const child = spawn('setpriv', ['--pdeathsig', deathSignal, ...privileges, '--', file, ...args], {
    env: env ?? process.env,
    ...(cwd === undefined ? {} : { cwd }),
    stdio,
    detached: !sameGroup,
  });
  living.add(child);
  child.once('exit', () => living.delete(child));
  child.once('error', () => living.delete(child));
  return child;
}

/**
 * Ends every child at once, for the second Ctrl-C.
 * @returns {void}
 */
export function killEveryChild() {
  for (const { pid } of living) if (pid !== undefined) signalTree(pid, 'SIGKILL');
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<ExitStatus>} rejects only when it could not be started at all
 */
export function exitOf(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
  });
}

/**
 * Runs a program to its end and keeps what it says.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {ChildOptions & { signal?: AbortSignal | undefined, graceSeconds?: number | undefined, input?: string | undefined }} [options]
 *   `signal` stops it with SIGTERM, `graceSeconds` later with SIGKILL, and rejects with the signal's reason
 * @returns {Promise<RunResult>}
 */
export async function runChild(file, args, options = {}) {
  const { signal, graceSeconds = 5, input, ...rest } = options;
  signal?.throwIfAborted();
  const child = spawnChild(file, args, {
    ...rest,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
    stdout += text;
    output += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
    output += text;
  });
  // A program that ends before it has read everything is judged by its exit status, not by our broken pipe.
  child.stdin?.on('error', () => undefined).end(input);

  /** @type {NodeJS.Timeout | undefined} */
  let lastResort;
  const stop = () => {
    const pid = child.pid;
    if (pid === undefined) return;
    if (graceSeconds > 0) sendSignal(pid, 'SIGTERM');
    lastResort = setTimeout(() => {
      signalTree(pid, 'SIGKILL');
    }, graceSeconds * 1000);
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const closed = new Promise((resolve) => child.once('close', resolve));
    const status = await exitOf(child);
    // What a grandchild still holds open must not keep us: a moment for the last lines, then on.
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 1000).unref())]);
    signal?.throwIfAborted();
    return { ...status, stdout, output };
  } finally {
    clearTimeout(lastResort);
    signal?.removeEventListener('abort', stop);
  }
}
