import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LockHeld, takeLock } from '../process/lock.mjs';
import { SaidError } from '../process/said-error.mjs';
import { mayEnterEverything } from './database-account.mjs';
import { endLeftOvers } from './part.mjs';

/** @typedef {import('../process/process-identity.mjs').ProcessIdentity} ProcessIdentity */
/** @typedef {{ name: string } & ProcessIdentity} RecordedChild */

/** @param {string} dataDir */
const recordOf = (dataDir) => join(dataDir, 'stack.json');

/**
 * @param {string} dataDir
 * @param {number} pid
 * @returns {SaidError}
 */
function alreadyRuns(dataDir, pid) {
  return new SaidError(
    `A stack already runs on ${dataDir} (process ${String(pid)}). Stop it (kill ${String(pid)}), or choose another folder: DATA_DIR=… npm start`,
  );
}

/**
 * Early, before anything is installed and before ports are looked at, which servers that were left would hold.
 * @param {string} dataDir
 * @returns {Promise<void>}
 * @throws {SaidError} when a stack runs on it
 */
export async function requireUnused(dataDir) {
  if (existsSync(recordOf(dataDir))) (await openDataFolder(dataDir)).release();
}

/**
 * @param {string} dataDir
 * @returns {void}
 * @throws {SaidError} when a folder above lets only its owner through
 */
function requirePassage(dataDir) {
  for (let folder = dataDir; folder !== dirname(folder); folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) !== 0) continue;
    throw new SaidError(
      `PostgreSQL cannot run as root, and nobody else may enter ${folder} (this container has taken CAP_DAC_READ_SEARCH ` +
        'away from root): choose a folder that all may enter (DATA_DIR=/var/tmp/… npm start), or start as an ordinary user',
    );
  }
}

/**
 * Makes the folder, or takes over one that a stack has left, for this process alone. `stack.json` in it says which
 * processes belong to it; those that a killed starter left are ended first.
 * @param {string} dataDir absolute
 * @returns {Promise<{ record: (children: readonly RecordedChild[]) => void, release: () => void }>}
 */
export async function openDataFolder(dataDir) {
  if (/\p{Cc}/u.test(dataDir))
    throw new SaidError('the data folder has a control character in its name (DATA_DIR)');
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const entries = readdirSync(dataDir);
    const isOurs = ['secrets', 'stack.json', 'log'].some((name) => entries.includes(name));
    if (entries.length > 0 && !isOurs) {
      throw new SaidError(`${dataDir} holds other files: choose an empty or a new folder (DATA_DIR)`);
    }
    // Without its capability PostgreSQL, which is not root, could not pass through to its own folder.
    const open = process.getuid?.() === 0 && !mayEnterEverything();
    chmodSync(dataDir, open ? 0o711 : 0o700);
    if (open) requirePassage(dataDir);
    mkdirSync(join(dataDir, 'log'), { recursive: true, mode: 0o700 });
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw new SaidError(
        `this user may not write ${dataDir}: choose a folder of its own (DATA_DIR=… npm start)`,
      );
    }
    if (code === 'ENOTDIR' || code === 'EEXIST') throw new SaidError(`${dataDir} is not a folder (DATA_DIR)`);
    throw error;
  }
  try {
    const lock = takeLock(recordOf(dataDir));
    const left = /** @type {RecordedChild[] | undefined} */ (lock.before?.children) ?? [];
    // Written down again: should we be killed while ending them, the next one goes on.
    lock.note({ children: left });
    await endLeftOvers(left, 10);
    lock.note({ children: [] });
    return {
      record: (children) => {
        if (existsSync(dataDir)) lock.note({ children });
      },
      release: () => {
        lock.release();
      },
    };
  } catch (error) {
    if (error instanceof LockHeld) throw alreadyRuns(dataDir, error.holder.pid);
    throw error;
  }
}
