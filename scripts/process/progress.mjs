import { performance } from 'node:perf_hooks';

/**
 * @typedef {object} StepReporter
 * @property {(text: string) => void} line
 * @property {<T>(name: string, work: () => Promise<T>) => Promise<T>} step
 */

/** Without a terminal, a step that runs longer than this says that it has begun. */
const LONG_STEP_MS = 2000;

/**
 * @param {number} since
 * @returns {string}
 */
function secondsSince(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

/**
 * Says what goes on: one line for each step when it is done, several may run side by side. On a terminal a status
 * line below shows what still runs; a pipe gets plain lines.
 * @implements {StepReporter}
 */
export class Progress {
  /** @type {Map<object, { name: string, since: number }>} */
  #running = new Map();
  #statusShown = false;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /** @param {NodeJS.WriteStream} [out] stderr by default: stdout is for the application's log */
  constructor(out = process.stderr) {
    this.out = out;
  }

  /** @param {string} text */
  line(text) {
    this.#clearStatus();
    this.out.write(`${text}\n`);
  }

  /**
   * @template T
   * @param {string} name
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async step(name, work) {
    const since = performance.now();
    const key = {};
    this.#running.set(key, { name, since });
    this.#watch();
    const announce = this.out.isTTY
      ? undefined
      : setTimeout(() => {
          this.line(`▸ ${name} …`);
        }, LONG_STEP_MS);
    try {
      const result = await work();
      this.line(`▸ ${name} … ok (${secondsSince(since)})`);
      return result;
    } catch (error) {
      const interrupted = error instanceof Error && error.name === 'Interrupted';
      this.line(`▸ ${name} … ${interrupted ? 'interrupted' : 'FAILED'} (${secondsSince(since)})`);
      throw error;
    } finally {
      clearTimeout(announce);
      this.#running.delete(key);
      if (this.#running.size === 0) clearInterval(this.#timer);
      if (this.#running.size === 0) this.#timer = undefined;
    }
  }

  #watch() {
    if (!this.out.isTTY || this.#timer) return;
    this.#timer = setInterval(() => {
      this.#clearStatus();
      const steps = [...this.#running.values()].map(({ name, since }) => `${name} ${secondsSince(since)}`);
      this.out.write(`▸ ${steps.join(', ')}`.slice(0, (this.out.columns || 80) - 1));
      this.#statusShown = true;
    }, 1000);
    this.#timer.unref();
  }

  #clearStatus() {
    if (this.#statusShown) this.out.write('\r\u001b[2K');
    this.#statusShown = false;
  }
}
