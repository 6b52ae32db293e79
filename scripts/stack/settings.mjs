import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { ROOT } from '../bootstrap/checkout.mjs';
import { SaidError } from '../process/said-error.mjs';
import { requireUnused } from './data-folder.mjs';
import { requireFreePort } from './ports.mjs';
import { proxiedStores } from './volumes.mjs';

/**
 * What a user chooses by environment variables; an empty one counts as unset.
 * @typedef {object} Settings
 * @property {string} dataDir absolute
 * @property {number} publicPort
 * @property {number | undefined} appPort
 * @property {{ email: string, password: string | undefined }} admin
 * @property {string | undefined} databaseUrl
 * @property {string | undefined} redisUrl
 * @property {string | undefined} s3Endpoint
 */

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} name
 * @returns {string | undefined}
 */
function textOf(env, name) {
  const text = env[name];
  return text === '' ? undefined : text;
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} name a secret, which may also come as the file that NAME_FILE names
 * @returns {string | undefined}
 */
function secretOf(env, name) {
  const file = textOf(env, `${name}_FILE`);
  if (env[name] || file === undefined) return textOf(env, name);
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch (error) {
    throw new SaidError(
      `${name}_FILE: cannot be read (${/** @type {NodeJS.ErrnoException} */ (error).code ?? 'unknown'})`,
    );
  }
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} name
 * @returns {number | undefined}
 */
function portOf(env, name) {
  const text = textOf(env, name);
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) {
    throw new SaidError(`${name} must be a port number, 1 to 65535`);
  }
  return port;
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} name
 * @param {readonly string[]} protocols
 * @returns {string | undefined}
 */
function serverOf(env, name, protocols) {
  const text = secretOf(env, name);
  if (text !== undefined && !protocols.some((protocol) => text.startsWith(`${protocol}://`))) {
    throw new SaidError(
      `${name} must begin with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`,
    );
  }
  return text;
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Settings}
 * @throws {SaidError} that names the variable, and never the value of a secret one
 */
export function settingsFrom(env) {
  const dataDir = textOf(env, 'DATA_DIR') ?? '.data';
  const email = textOf(env, 'ADMIN_EMAIL') ?? 'admin@example.com';
  if (!/^[^@\s]+@[^@\s]+$/.test(email)) throw new SaidError('ADMIN_EMAIL must be an e-mail address');
  const publicPort = portOf(env, 'PUBLIC_PORT') ?? 8080;
  const appPort = portOf(env, 'PORT');
  if (appPort === publicPort)
    throw new SaidError('PORT and PUBLIC_PORT must differ: nginx and the application both listen');
  return {
    dataDir: isAbsolute(dataDir) ? resolve(dataDir) : resolve(ROOT, dataDir),
    publicPort,
    appPort,
    admin: { email, password: secretOf(env, 'ADMIN_PASSWORD') },
    databaseUrl: serverOf(env, 'DATABASE_URL', ['postgres', 'postgresql']),
    redisUrl: serverOf(env, 'REDIS_URL', ['redis', 'rediss', 'redis+sentinel', 'redis+cluster']),
    s3Endpoint: serverOf(env, 'S3_ENDPOINT', ['http', 'https']),
  };
}

/**
 * @param {readonly string[]} args of the script
 * @returns {void}
 * @throws {SaidError} rather than to ignore what somebody asked for
 */
export function refuseArguments(args) {
  if (args.length > 0) {
    throw new SaidError(
      `unknown argument ${args[0] ?? ''}: everything is chosen by environment variables (PUBLIC_PORT, DATA_DIR, …)`,
    );
  }
}

/**
 * Finds what would make a start fail late, before anything is installed or started.
 * @param {Settings} settings
 * @returns {Promise<void>}
 */
export async function requireStartable({ dataDir, publicPort, appPort }) {
  await requireUnused(dataDir);
  await requireFreePort('PUBLIC_PORT', publicPort, 'every');
  if (appPort !== undefined) await requireFreePort('PORT', appPort, 'loopback');
}

/**
 * @param {Settings} settings
 * @param {{ ownStore?: boolean, tls?: boolean }} [options] ownStore: an S3 server is a part of the stack
 * @returns {import('../bootstrap/programs.mjs').Program[]} what a stack of these settings runs
 */
export function programsFor({ databaseUrl, redisUrl }, { ownStore = false, tls = false } = {}) {
  return [
    ...(databaseUrl === undefined ? /** @type {const} */ (['postgres']) : []),
    ...(redisUrl === undefined ? /** @type {const} */ (['redis-server']) : []),
    'nginx',
    ...(ownStore || proxiedStores(process.env).size > 0 ? /** @type {const} */ (['nginx-js']) : []),
    ...(tls ? /** @type {const} */ (['openssl']) : []),
  ];
}
