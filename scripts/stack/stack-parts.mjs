import { rotateLog } from '../process/log-file.mjs';
import { Part } from './part.mjs';
import { Restarter } from './restarter.mjs';

/** @typedef {'postgres' | 'redis' | 'minio' | 'nginx' | 'app'} PartName */
/** @typedef {{ name: PartName, part: Part, restarter: Restarter | undefined }} Member */

/** A user goes before what it uses, so that it can end what it has begun. */
const STOP_ORDER = /** @type {const} */ (['app', 'nginx', 'minio', 'redis', 'postgres']);

/** The running parts of one stack. Their processes are written down in the data folder at every change. */
export class StackParts {
  #folder;
  #say;
  /** @type {Member[]} */
  #members = [];
  /** @type {(part: Part) => void} */
  #reportFailure = () => undefined;
  /** @type {Promise<void> | undefined} */
  #stopping;

  /**
   * @param {Awaited<ReturnType<typeof import('./data-folder.mjs').openDataFolder>>} folder released by stop()
   * @param {(line: string) => void} say
   */
  constructor(folder, say) {
    this.#folder = folder;
    this.#say = say;
    /** @type {Promise<Part>} resolves with the first part that ended though nobody asked it to, and is not started again */
    this.failed = new Promise((resolve) => {
      this.#reportFailure = resolve;
    });
  }

  /**
   * Resolves when the part answers.
   * @param {PartName} name
   * @param {import('./part.mjs').PartSpec} spec
   * @param {AbortSignal} signal gives up
   * @param {{ restart?: boolean }} [options] restart: whenever it ends by itself from then on
   * @returns {Promise<Part>}
   * @throws {import('./part.mjs').PartFailed}
   */
  async start(name, spec, signal, { restart = false } = {}) {
    if (spec.logFile !== undefined) rotateLog(spec.logFile);
    const part = new Part(spec, () => {
      this.#record();
      if (restarter) restarter.look();
      else if (!part.running && !part.endAsked) this.#reportFailure(part);
    });
    const restarter = restart ? new Restarter(part, this.#say) : undefined;
    this.#members.push({ name, part, restarter });
    await part.start(signal);
    restarter?.begin();
    return part;
  }

  #record() {
    this.#folder.record(
      this.#members.flatMap(({ part }) => (part.identity ? [{ name: part.name, ...part.identity }] : [])),
    );
  }

  /**
   * Again and again is allowed.
   * @returns {Promise<void>}
   */
  stop() {
    return (this.#stopping ??= this.#stopAll());
  }

  async #stopAll() {
    for (const wanted of STOP_ORDER) {
      const members = this.#members.filter(({ name }) => name === wanted);
      await Promise.all(
        members.map(async ({ part, restarter }) => {
          await restarter?.stop();
          await part.stop();
        }),
      );
    }
    this.#folder.release();
  }
}
