import { setTimeout as sleep } from 'node:timers/promises';
import { describeExit, PartFailed } from './part.mjs';

/** Seconds before the first new start; each one that does not last doubles them. */
const FIRST_DELAY = 0.5;
const LONGEST_DELAY = 30;

/** Who has served this long has lived: his next end is the first one again. Seconds. */
const LASTING = 60;

/**
 * Starts a part again whenever it ends and nobody asked it to, as Kubernetes does with a container. One that cannot live is
 * tried ever more seldom, and never given up.
 */
export class Restarter {
  #part;
  #say;
  #stopping = new AbortController();
  /** @type {Promise<void> | undefined} the restart that waits or goes on */
  #restart;
  /** @type {number | undefined} undefined until the first start, which is not ours, has succeeded */
  #readyAt;
  #delay = FIRST_DELAY;

  /**
   * @param {import('./part.mjs').Part} part
   * @param {(line: string) => void} say
   */
  constructor(part, say) {
    this.#part = part;
    this.#say = say;
  }

  /**
   * The part has become ready; from now on it is kept so.
   * @returns {void}
   */
  begin() {
    this.#readyAt = Date.now();
    this.look();
  }

  /**
   * To be called whenever a process of the part has started or ended.
   * @returns {void}
   */
  look() {
    if (this.#readyAt === undefined || this.#restart || this.#unwanted() || this.#part.running) return;
    this.#restart = this.#untilReady(this.#readyAt).finally(() => {
      this.#restart = undefined;
      this.look();
    });
  }

  /**
   * Gives up a restart that waits, and ends one that goes on. Final.
   * @returns {Promise<void>}
   */
  async stop() {
    this.#stopping.abort();
    await this.#restart;
  }

  /** Whether somebody wants the part to stay as it is. */
  #unwanted() {
    return this.#stopping.signal.aborted || this.#part.endAsked;
  }

  /** @param {number} readyAt when the process that has ended became ready */
  async #untilReady(readyAt) {
    const { signal } = this.#stopping;
    if (Date.now() - readyAt >= LASTING * 1000) this.#delay = FIRST_DELAY;
    let what = describeExit(await this.#part.exited);
    for (;;) {
      this.#say(`✗ ${this.#part.name} ${what}: started again in ${String(this.#delay)} s${this.#where()}`);
      await sleep(this.#delay * 1000, undefined, { signal }).catch(() => undefined);
      this.#delay = Math.min(2 * this.#delay, LONGEST_DELAY);
      if (this.#unwanted() || this.#part.running) return;
      try {
        await this.#part.start(signal);
        this.#readyAt = Date.now();
        this.#say(`▸ ${this.#part.name} runs again (process ${String(this.#part.pid)})`);
        return;
      } catch (error) {
        if (this.#unwanted()) return;
        what = error instanceof PartFailed ? error.what : String(error);
      }
    }
  }

  #where() {
    const [log] = this.#part.tellingLogs;
    return log === undefined ? '' : ` (its log: ${log})`;
  }
}
