import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { SaidError } from '../process/said-error.mjs';
import { installWithApt, undoInterruptedInstall } from './apt.mjs';

/** @typedef {'postgres' | 'redis-server' | 'nginx' | 'curl' | 'wget' | 'aria2c' | 'wrk' | 'chromium' | 'python3' | 'pip3' | 'nginx-js' | 'openssl'} Program */

/** @type {Readonly<Record<Program, string>>} the Debian package that has it */
const PACKAGES = {
  postgres: 'postgresql',
  'redis-server': 'redis-server',
  nginx: 'nginx',
  'nginx-js': 'libnginx-mod-http-js',
  curl: 'curl',
  wget: 'wget',
  aria2c: 'aria2',
  wrk: 'wrk',
  chromium: 'chromium',
  python3: 'python3',
  pip3: 'python3-pip',
  openssl: 'openssl',
};

/** Debian keeps each version of PostgreSQL in a folder of its own, off PATH. */
const POSTGRES_VERSIONS = '/usr/lib/postgresql';

/** Servers live in sbin, which an ordinary user's PATH leaves out. */
const SERVER_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/**
 * @param {string} path
 * @returns {boolean}
 */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * @param {string} name
 * @returns {string | undefined} absolute path
 */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SERVER_FOLDERS];
  return folders.map((folder) => join(folder, name)).find((path) => path.startsWith('/') && isProgram(path));
}

/**
 * @param {string} [version] the major version of an existing data folder; without it the newest there is
 * @returns {string | undefined} the folder that holds postgres and initdb
 */
export function findPostgres(version) {
  const versions = existsSync(POSTGRES_VERSIONS) ? readdirSync(POSTGRES_VERSIONS) : [];
  const bin = versions
    .filter((name) => version === undefined || name === version)
    .sort((a, b) => Number(b) - Number(a))
    .map((name) => join(POSTGRES_VERSIONS, name, 'bin'))
    .find((folder) => isProgram(join(folder, 'postgres')) && isProgram(join(folder, 'initdb')));
  if (bin !== undefined) return bin;
  const onPath = findProgram('initdb');
  return onPath !== undefined && isProgram(join(dirname(onPath), 'postgres')) ? dirname(onPath) : undefined;
}

/** Where nginx's packages put their modules: Debian's, nginx.org's, Fedora's. */
const NGINX_MODULE_FOLDERS = ['/usr/lib/nginx/modules', '/etc/nginx/modules', '/usr/lib64/nginx/modules'];

/** @returns {string | undefined} absolute path of the module that runs store.js */
export function findNginxJs() {
  return NGINX_MODULE_FOLDERS.map((folder) => join(folder, 'ngx_http_js_module.so')).find((path) =>
    existsSync(path),
  );
}

/**
 * @param {string} name
 * @returns {string}
 * @throws {SaidError} when it is not installed
 */
export function requireProgram(name) {
  const path = findProgram(name);
  if (path === undefined)
    throw new SaidError(`${name} is not installed (npm start installs it, or says how)`);
  return path;
}

/**
 * @param {readonly Program[]} programs
 * @param {string | undefined} postgresVersion
 * @returns {string[]} the Debian packages that are missing
 */
function missingPackages(programs, postgresVersion) {
  return programs.flatMap((program) => {
    if (program === 'nginx-js') return findNginxJs() === undefined ? [PACKAGES[program]] : [];
    if (program !== 'postgres') return findProgram(program) === undefined ? [PACKAGES[program]] : [];
    if (findPostgres(postgresVersion) !== undefined) return [];
    return [postgresVersion === undefined ? PACKAGES.postgres : `postgresql-${postgresVersion}`];
  });
}

/**
 * Installs with apt what is missing, as root on Debian; elsewhere says what to install.
 * @param {readonly Program[]} programs
 * @param {import('../process/progress.mjs').StepReporter} progress
 * @param {AbortSignal} signal
 * @param {string} [postgresVersion]
 * @returns {Promise<void>}
 */
export async function ensurePrograms(programs, progress, signal, postgresVersion) {
  await undoInterruptedInstall();
  const packages = missingPackages(programs, postgresVersion);
  if (packages.length === 0) return;
  const names = packages.join(' ');
  if (findProgram('apt-get') === undefined || !existsSync('/etc/debian_version')) {
    throw new SaidError(
      `These programs are missing; install them with this system's package manager: ${names}`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new SaidError(
      `These programs are missing:\n\n  sudo apt-get install --no-install-recommends ${names}\n`,
    );
  }
  const size = packages.includes('chromium') ? '; the largest: about 190 MB' : '';
  await progress.step(`programs (apt-get install ${names}${size})`, () =>
    installWithApt(packages, progress, signal),
  );
  const still = missingPackages(programs, postgresVersion);
  if (still.length > 0)
    throw new SaidError(`apt-get succeeded, yet these programs are still not found: ${still.join(' ')}`);
}

/**
 * Chromium, where it can be had: as root on Debian itself (Ubuntu has it as a snap only). Elsewhere, and when apt
 * fails, the tests in a browser skip themselves, or fail where CI is set.
 * @param {import('../process/progress.mjs').StepReporter} progress
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export async function ensureBrowser(progress, signal) {
  if (findProgram('chromium') !== undefined || process.getuid?.() !== 0 || !isDebian()) return;
  try {
    await ensurePrograms(['chromium'], progress, signal);
  } catch (error) {
    signal.throwIfAborted();
    progress.line(error instanceof Error ? error.message : String(error));
  }
}

/** @returns {boolean} */
function isDebian() {
  try {
    return /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}
