import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitOf, spawnChild } from '../process/child-processes.mjs';
import { tailOf } from '../process/log-file.mjs';
import { identify, isAlive, orphansOf, sendSignal, signalTree } from '../process/process-identity.mjs';

/** @typedef {import('../process/child-processes.mjs').ExitStatus} ExitStatus */

/**
 * @typedef {object} Command
 * @property {string} file
 * @property {readonly string[]} args
 * @property {NodeJS.ProcessEnv} env
 * @property {string} cwd
 * @property {readonly string[] | undefined} [privileges] options of setpriv
 */

/**
 * @typedef {object} PartSpec
 * @property {string} name
 * @property {Command} command
 * @property {'TERM' | 'INT'} deathSignal what it gets when the starter is gone
 * @property {string | undefined} logFile where its output goes; undefined: to ours
 * @property {readonly string[]} tellingLogs files whose ends explain a failure
 * @property {(signal: AbortSignal) => Promise<boolean>} isReady asked again and again; `signal` ends one question
 * @property {number} readySeconds
 * @property {readonly { signal: NodeJS.Signals, seconds: number }[]} stopSteps tried in turn, SIGKILL at last
 */

/** @type {ReadonlySet<string>} */
const ENDING_SIGNALS = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT']);

/** How often a starting part is asked whether it is ready. */
const ASK_EVERY_MS = 30;

/** A part that did not become ready, or ended by itself; the message holds the end of its log. */
export class PartFailed extends Error {
  /**
   * @param {string} name
   * @param {string} what
   * @param {readonly string[]} logs
   */
  constructor(name, what, logs) {
    const tails = logs.map((path) => ({ path, tail: tailOf(path) })).filter(({ tail }) => tail !== '');
    super([`${name} ${what}`, ...tails.map(({ path, tail }) => `── end of ${path}\n${tail}`)].join('\n'));
    this.name = 'PartFailed';
    this.part = name;
    this.what = what;
  }
}

/**
 * @param {ExitStatus} status
 * @returns {string}
 */
export function describeExit({ code, signal }) {
  return signal === null ? `ended with exit code ${String(code)}` : `was ended by ${signal}`;
}

/** One server of the stack. Keeps its port and its data over stop() and start(). */
export class Part {
  #spec;
  #onChange;
  /** @type {{ pid: number, startTime: number } | undefined} */
  #process;
  /** @type {Promise<ExitStatus>} */
  #exited = Promise.resolve({ code: null, signal: null });
  #endAsked = false;

  /**
   * @param {PartSpec} spec
   * @param {() => void} onChange called when its process has started or ended
   */
  constructor(spec, onChange) {
    this.#spec = spec;
    this.#onChange = onChange;
  }

  get name() {
    return this.#spec.name;
  }

  /** @returns {number | undefined} of the running process */
  get pid() {
    return this.#process?.pid;
  }

  /** @returns {import('../process/process-identity.mjs').ProcessIdentity | undefined} */
  get identity() {
    return this.#process;
  }

  /** @returns {readonly string[]} files whose ends explain a failure */
  get tellingLogs() {
    return this.#spec.tellingLogs;
  }

  /** @returns {boolean} a frozen process (SIGSTOP) runs */
  get running() {
    return this.#process !== undefined;
  }

  /** @returns {Promise<ExitStatus>} the end of the process started last; never rejects */
  get exited() {
    return this.#exited;
  }

  /** @returns {boolean} whether stop() or kill() wanted the last end */
  get endAsked() {
    return this.#endAsked;
  }

  /**
   * Resolves when the part answers.
   * @param {AbortSignal} [signal] gives up, stops what has been started and rejects with the signal's reason
   * @returns {Promise<void>}
   * @throws {PartFailed}
   */
  async start(signal) {
    if (this.#process) throw new Error(`${this.name} runs already`);
    signal?.throwIfAborted();
    this.#spawn();
    try {
      await this.#untilReady(signal);
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  #spawn() {
    const { command, logFile, deathSignal } = this.#spec;
    const log = logFile === undefined ? undefined : openSync(logFile, 'a', 0o600);
    const child = spawnChild(command.file, command.args, {
      env: command.env,
      cwd: command.cwd,
      privileges: command.privileges,
      deathSignal,
      stdio: ['ignore', log ?? 'inherit', log ?? 'inherit'],
    });
    if (log !== undefined) closeSync(log);
    this.#endAsked = false;
    const pid = child.pid;
    this.#process = pid === undefined ? undefined : identify(pid);
    this.#exited = exitOf(child)
      .catch(() => ({ code: 127, signal: null }))
      .then((status) => {
        if (pid !== undefined) for (const orphan of orphansOf(pid)) sendSignal(orphan.pid, 'SIGKILL');
        this.#process = undefined;
        this.#onChange();
        return status;
      });
    this.#onChange();
  }

  /** @param {AbortSignal | undefined} signal */
  async #untilReady(signal) {
    const { isReady, readySeconds, tellingLogs } = this.#spec;
    const deadline = Date.now() + readySeconds * 1000;
    /** @type {{ status: ExitStatus | undefined }} */
    const end = { status: undefined };
    void this.#exited.then((status) => {
      end.status = status;
    });
    const question = () => AbortSignal.any([AbortSignal.timeout(2000), ...(signal ? [signal] : [])]);
    while (!(await isReady(question()).catch(() => false)) || end.status) {
      signal?.throwIfAborted();
      if (end.status) throw new PartFailed(this.name, describeExit(end.status), tellingLogs);
      if (Date.now() > deadline) {
        throw new PartFailed(this.name, `was not ready within ${String(readySeconds)} s`, tellingLogs);
      }
      await Promise.race([sleep(ASK_EVERY_MS), this.#exited]);
    }
    signal?.throwIfAborted();
  }

  /**
   * An orderly end, forced when it takes too long; also of a frozen process. Does nothing when it does not run.
   * @returns {Promise<void>}
   */
  async stop() {
    this.#endAsked = true;
    await this.#end();
  }

  async #end() {
    for (const { signal, seconds } of this.#spec.stopSteps) {
      const pid = this.pid;
      if (pid === undefined) return;
      sendSignal(pid, signal);
      signalTree(pid, 'SIGCONT');
      const deadline = new AbortController();
      await Promise.race([
        this.#exited,
        sleep(seconds * 1000, undefined, { signal: deadline.signal }).catch(() => undefined),
      ]);
      deadline.abort();
    }
    if (this.pid === undefined) return;
    signalTree(this.pid, 'SIGKILL');
    await this.#exited;
  }

  /**
   * Signals the part as an operator's kill would. SIGKILL, SIGSTOP and SIGCONT reach its whole process tree: a frozen or dead
   * server must not go on answering through its workers.
   * @param {NodeJS.Signals} signal
   * @returns {void}
   */
  kill(signal) {
    const pid = this.pid;
    if (pid === undefined) return;
    if (signal === 'SIGKILL' || signal === 'SIGSTOP' || signal === 'SIGCONT') signalTree(pid, signal);
    else sendSignal(pid, signal);
    if (ENDING_SIGNALS.has(signal)) this.#endAsked = true;
  }
}

/**
 * Ends processes that an earlier starter left, which its kill -9 may do: politely, then for good.
 * @param {readonly import('../process/process-identity.mjs').ProcessIdentity[]} processes
 * @param {number} seconds
 * @returns {Promise<void>}
 */
export async function endLeftOvers(processes, seconds) {
  for (const process of processes) {
    if (!isAlive(process)) continue;
    // PostgreSQL takes SIGINT for "fast"; SIGTERM would wait for its clients. The others end on either.
    sendSignal(process.pid, 'SIGINT');
    sendSignal(process.pid, 'SIGTERM');
    signalTree(process.pid, 'SIGCONT');
  }
  const deadline = Date.now() + seconds * 1000;
  while (processes.some(isAlive) && Date.now() < deadline) await sleep(50);
  for (const process of processes) if (isAlive(process)) signalTree(process.pid, 'SIGKILL');
  for (const { pid } of processes) for (const orphan of orphansOf(pid)) sendSignal(orphan.pid, 'SIGKILL');
  while (processes.some(isAlive) && Date.now() < deadline + 5000) await sleep(20);
}
