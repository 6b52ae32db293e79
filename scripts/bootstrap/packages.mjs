import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runChild } from '../process/child-processes.mjs';
import { withLock } from '../process/lock.mjs';
import { SaidError } from '../process/said-error.mjs';
import { CACHE, PINNED_NODE, ROOT } from './checkout.mjs';
import { parseJson } from '../process/parse-json.mjs';

/** @typedef {{ version?: string, integrity?: string, optional?: boolean, devOptional?: boolean, peer?: boolean }} LockedPackage */

const LOCK_FILE = join(ROOT, 'package-lock.json');
const MODULES = join(ROOT, 'node_modules');
/** Holds the SHA-256 of the package-lock.json that node_modules was made from. */
const STAMP = join(MODULES, '.made-from-package-lock');

/**
 * @param {string} path
 * @returns {string | undefined}
 */
function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** @returns {string} */
function wanted() {
  const text = readIfThere(LOCK_FILE);
  if (text === undefined)
    throw new SaidError(
      `${LOCK_FILE} is missing: it is part of the repository (git checkout package-lock.json)`,
    );
  return createHash('sha256').update(text).digest('hex');
}

/**
 * @param {string} lockFile
 * @returns {Record<string, LockedPackage>} by folder
 */
function packagesOf(lockFile) {
  const { packages } = /** @type {{ packages?: Record<string, LockedPackage> }} */ (parseJson(lockFile));
  return packages ?? {};
}

/**
 * Whether an `npm install` by hand has put in place what package-lock.json says: npm notes what it has installed,
 * at the end of a run that succeeded, in a lock file of its own. Then there is nothing to do a second time.
 * @returns {boolean}
 */
function installedByHand() {
  const made = readIfThere(join(MODULES, '.package-lock.json'));
  const asked = readIfThere(LOCK_FILE);
  if (made === undefined || asked === undefined) return false;
  try {
    const installed = packagesOf(made);
    const locked = packagesOf(asked);
    return Object.entries(locked).every(([path, entry]) => {
      if (path === '') return true;
      const there = installed[path];
      // Packages for other platforms are locked, but not installed.
      if (!there) return entry.optional === true || entry.devOptional === true;
      return there.version === entry.version && there.integrity === entry.integrity;
    });
  } catch {
    return false;
  }
}

/** @returns {boolean} */
function upToDate() {
  if (!existsSync(PINNED_NODE)) return false;
  const hash = wanted();
  if (readIfThere(STAMP) === hash) return true;
  if (!installedByHand()) return false;
  writeFileSync(STAMP, hash);
  return true;
}

/** @returns {{ file: string, args: string[] }} the npm that runs us, else the one on PATH */
function npm() {
  const running = process.env.npm_execpath;
  if (running !== undefined && basename(running) === 'npm-cli.js')
    return { file: process.execPath, args: [running] };
  return { file: 'npm', args: [] };
}

/**
 * @param {string} output what npm said
 * @returns {string} what to do about it
 */
function advice(output) {
  if (/ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|network/.test(output)) {
    return 'npm could not reach its registry: check the connection, a proxy (npm config get proxy) or the registry (npm config get registry)';
  }
  if (/CERT|certificate/.test(output)) {
    return "the registry's certificate is not trusted: name your organisation's in NODE_EXTRA_CA_CERTS, or npm config set cafile";
  }
  if (/EACCES|EPERM/.test(output))
    return `npm may not write below ${ROOT}: run as the user who owns the checkout`;
  if (output.includes('ENOSPC')) return 'the disk is full';
  if (output.includes('can only install packages when your package.json and package-lock.json')) {
    return 'package.json and package-lock.json disagree: run npm install, and commit both';
  }
  return 'try it by hand: npm ci';
}

/** @param {AbortSignal} signal */
async function install(signal) {
  const { file, args } = npm();
  // --include=dev: with NODE_ENV=production npm would leave out the compiler and the pinned Node.
  const result = await runChild(
    file,
    [...args, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: ROOT,
      signal,
      // npm takes no notice of SIGTERM while it unpacks; a half-made node_modules is made anew in any case.
      graceSeconds: 0,
      deathSignal: 'KILL',
    },
  );
  if (result.code !== 0) {
    throw new SaidError(`${result.output.trim()}\n\nnpm ci failed. What helps: ${advice(result.output)}`);
  }
  if (!existsSync(PINNED_NODE)) {
    throw new SaidError(
      'npm ci left out the pinned Node (install scripts are switched off here).\nWhat helps: npm rebuild node --ignore-scripts=false',
    );
  }
  writeFileSync(STAMP, wanted());
}

/**
 * Puts node_modules in the state of package-lock.json, when it is not there yet.
 * @param {import('../process/progress.mjs').StepReporter} progress
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export async function ensurePackages(progress, signal) {
  if (upToDate()) return;
  await progress.step('packages (npm ci)', () =>
    withLock(
      join(CACHE, 'packages.lock'),
      {
        signal,
        onWait: ({ pid }) => {
          progress.line(`  process ${String(pid)} installs them just now: waiting for it`);
        },
      },
      async () => {
        if (!upToDate()) await install(signal);
      },
    ),
  );
}
