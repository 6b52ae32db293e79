import { programOf, sendSignal } from './process-identity.mjs';
import { killEveryChild } from './child-processes.mjs';
import { Interrupted } from './interrupted.mjs';

/** @type {readonly NodeJS.Signals[]} */
const STOPPING = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Ctrl-C in a terminal comes twice: from the terminal and, forwarded, from npm. Within this time they are one. */
const SAME_KEY_PRESS_MS = 500;

/** @type {Readonly<Record<string, number>>} what a shell calls a process that a signal ended */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/**
 * @param {string} signalName
 * @returns {number}
 */
export function exitCodeOf(signalName) {
  return EXIT_CODES[signalName] ?? 143;
}

/**
 * @param {number} pid a parent
 * @returns {boolean} whether it is the one that orphans get, and not the npm that is process 1 of a container
 */
function isReaper(pid) {
  const program = programOf(pid) ?? '';
  return program.startsWith('systemd') || (pid === 1 && !/node|npm|MainThread/.test(program));
}

/**
 * Turns the end that others ask for into one AbortSignal. Made before the first child is started, so that no
 * signal finds us without a handler. The first signal asks for an orderly end, a second one ends everything now.
 */
export class Shutdown {
  #controller = new AbortController();
  #firstAt = 0;
  /** @type {NodeJS.Signals | undefined} */
  #first;
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #relayTo;
  /** @type {(name: NodeJS.Signals) => void} */
  #onSignal = (name) => {
    this.#request(name);
  };

  constructor() {
    for (const name of STOPPING) process.on(name, this.#onSignal);
    // The reader of our output may go before we do (`npm start | head`); that is no reason to leave the stack behind.
    process.stdout.on('error', () => undefined);
    process.stderr.on('error', () => undefined);
    if (process.env.npm_lifecycle_event !== undefined) this.#watchNpm();
  }

  /** Aborted, with an {@link Interrupted} as its reason, when an orderly end is wanted. */
  get signal() {
    return this.#controller.signal;
  }

  /**
   * From now on every signal is handed to `child`, which decides what it means.
   * @param {import('node:child_process').ChildProcess} child
   * @returns {void}
   */
  relayTo(child) {
    this.#relayTo = child;
    if (this.#first !== undefined) child.kill(this.#first);
  }

  /** npm, killed with -9, can forward nothing: its end shows in our parent's pid. */
  #watchNpm() {
    const npm = process.ppid;
    if (isReaper(npm)) {
      // It was killed before we looked for the first time.
      this.#request('SIGTERM');
      return;
    }
    const timer = setInterval(() => {
      if (process.ppid === npm) return;
      clearInterval(timer);
      this.#request('SIGTERM');
    }, 500);
    timer.unref();
  }

  /** @param {NodeJS.Signals} name */
  #request(name) {
    if (this.#relayTo?.pid !== undefined) {
      sendSignal(this.#relayTo.pid, name);
      return;
    }
    if (!this.signal.aborted) {
      this.#firstAt = Date.now();
      this.#first = name;
      this.#controller.abort(new Interrupted(name));
      return;
    }
    if (Date.now() - this.#firstAt < SAME_KEY_PRESS_MS) return;
    killEveryChild();
    process.exit(exitCodeOf(name));
  }
}
