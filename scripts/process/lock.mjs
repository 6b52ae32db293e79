import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isAlive } from './process-identity.mjs';

/** @typedef {import('./process-identity.mjs').ProcessIdentity} ProcessIdentity */
/** @typedef {ProcessIdentity & Record<string, unknown>} Holder who holds the lock, and what it noted there */

/**
 * @typedef {object} Lock
 * @property {Holder | undefined} before what a holder left that ended without releasing it
 * @property {(note: Record<string, unknown>) => void} note replaces what the file says beside the holder
 * @property {() => void} release
 */

/** Somebody else holds the lock and lives. */
export class LockHeld extends Error {
  /**
   * @param {string} path
   * @param {Holder} holder
   */
  constructor(path, holder) {
    super(`${path} is held by process ${String(holder.pid)}`);
    this.name = 'LockHeld';
    this.holder = holder;
  }
}

/**
 * @param {string} path
 * @returns {Holder | undefined} undefined: no such file
 */
function read(path) {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    /** @type {unknown} */
    const value = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'pid' in value && 'startTime' in value) {
      return /** @type {Holder} */ (value);
    }
  } catch {
    // Not ours, or cut off by a full disk: nobody holds it.
  }
  return { pid: 0, startTime: 0 };
}

/**
 * Takes a lock that its holder's death releases. The file appears complete in one step (link), never half written.
 * @param {string} path
 * @param {Record<string, unknown>} [note]
 * @returns {Lock}
 * @throws {LockHeld}
 */
export function takeLock(path, note = {}) {
  const self = identify(process.pid);
  if (!self) throw new Error('cannot read /proc/self/stat: this needs Linux');
  mkdirSync(dirname(path), { recursive: true });
  const own = `${path}.${String(process.pid)}-${randomBytes(4).toString('hex')}`;
  /** @type {(content: Record<string, unknown>) => void} */
  const write = (content) => {
    writeFileSync(own, `${JSON.stringify({ ...self, ...content }, null, 2)}\n`, { mode: 0o600 });
  };
  write(note);
  /** @type {Holder | undefined} */
  let before;
  try {
    while (!tryLink(own, path)) {
      const holder = read(path);
      if (!holder) continue;
      if (isAlive(holder)) throw new LockHeld(path, holder);
      before = removeStale(path, holder) ?? before;
    }
  } finally {
    rmSync(own, { force: true });
  }
  return {
    before,
    note: (content) => {
      write(content);
      renameSync(own, path);
    },
    release: () => {
      const holder = read(path);
      if (holder?.pid === self.pid && holder.startTime === self.startTime) rmSync(path, { force: true });
    },
  };
}

/**
 * @param {string} from
 * @param {string} to
 * @returns {boolean}
 */
function tryLink(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Moves a dead holder's file away. Between reading and moving, another may have done the same and taken the lock
 * anew; then what we moved is his, and goes back.
 * @param {string} path
 * @param {Holder} judged
 * @returns {Holder | undefined} the dead holder's note, when it was us who moved it
 */
function removeStale(path, judged) {
  const aside = `${path}.stale-${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch {
    return undefined;
  }
  const moved = read(aside);
  const same = moved?.pid === judged.pid && moved.startTime === judged.startTime;
  if (!same) tryLink(aside, path);
  rmSync(aside, { force: true });
  return same ? moved : undefined;
}

/**
 * Holds the lock while `work` runs; waits for whoever has it.
 * @template T
 * @param {string} path
 * @param {{ signal: AbortSignal | undefined, onWait: (holder: Holder) => void }} options
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(path, { signal, onWait }, work) {
  /** @type {Lock | undefined} */
  let lock;
  for (let waited = false; !lock; waited = true) {
    signal?.throwIfAborted();
    try {
      lock = takeLock(path);
    } catch (error) {
      if (!(error instanceof LockHeld)) throw error;
      if (!waited) onWait(error.holder);
      await sleep(200);
    }
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}
