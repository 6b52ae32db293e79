import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { findPostgres } from '../bootstrap/programs.mjs';
import { runChild } from '../process/child-processes.mjs';
import { programOf } from '../process/process-identity.mjs';
import { SaidError } from '../process/said-error.mjs';
import { PartFailed } from './part.mjs';
import { databaseAccount } from './database-account.mjs';

/** The application's pool, and what its end leaves for a moment. */
const CONNECTIONS_OF_A_REPLICA = 20;

/** The superuser and the database of the stack. */
const NAME = 'download_service';

/**
 * @typedef {object} PostgresPlan
 * @property {string} dataDir the stack's
 * @property {number} port
 * @property {string} password
 * @property {boolean} durable false: no fsync, for data that nobody misses
 * @property {number} replicas of the application, each with a pool of its own
 */

/**
 * @param {PostgresPlan} plan
 * @returns {string}
 */
export function databaseUrlOf({ port, password }) {
  return `postgresql://${NAME}:${password}@127.0.0.1:${String(port)}/${NAME}`;
}

/**
 * @param {string} dataDir the stack's
 * @returns {string | undefined} the major version that made the existing cluster
 */
export function clusterVersion(dataDir) {
  try {
    return readFileSync(join(dataDir, 'postgres/PG_VERSION'), 'utf8').trim();
  } catch {
    return undefined;
  }
}

/**
 * @param {string} dataDir
 * @returns {string}
 */
function binFolder(dataDir) {
  const version = clusterVersion(dataDir);
  const bin = findPostgres(version);
  if (bin !== undefined) return bin;
  throw new SaidError(
    version === undefined
      ? 'PostgreSQL is not installed (npm start installs it, or says how)'
      : `${join(dataDir, 'postgres')} was made by PostgreSQL ${version}, which is not installed here`,
  );
}

/** @returns {NodeJS.ProcessEnv} without PGDATA, PGPORT, PGOPTIONS and the like, which would steer our server */
function environment() {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('PG') && !name.startsWith('LC_'),
  );
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}

/**
 * Makes the cluster and its database when there is none. Complete or not at all: it is made beside its place and
 * renamed, so an interruption leaves nothing that looks like a database.
 * @param {PostgresPlan} plan
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<void>}
 */
export async function ensureCluster(plan, signal) {
  const { dataDir, password } = plan;
  const place = join(dataDir, 'postgres');
  if (clusterVersion(dataDir) !== undefined) return;
  if (existsSync(place))
    throw new SaidError(`${place} exists, but is no PostgreSQL data folder: move it away`);

  const making = join(dataDir, 'postgres.new');
  const passwordFile = join(dataDir, 'postgres.password');
  const log = join(dataDir, 'log/initdb.log');
  const account = databaseAccount(undefined);
  const bin = binFolder(dataDir);
  const run = async (
    /** @type {string} */ program,
    /** @type {string[]} */ args,
    /** @type {string} */ input,
  ) => {
    const options = { env: environment(), cwd: '/', privileges: account?.privileges, signal, input };
    const { code, output } = await runChild(join(bin, program), args, options);
    writeFileSync(log, output, { flag: 'a', mode: 0o600 });
    if (code !== 0) throw new PartFailed(program, `ended with exit code ${String(code)}`, [log]);
  };

  rmSync(making, { recursive: true, force: true });
  rmSync(passwordFile, { force: true });
  rmSync(log, { force: true });
  mkdirSync(making, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account) for (const path of [making, passwordFile]) chownSync(path, account.uid, account.gid);
  try {
    await run(
      'initdb',
      // --no-sync: what a crash of the whole machine in these first seconds would cost is made anew.
      ['-D', making, '--no-sync', '-U', NAME, `--pwfile=${passwordFile}`].concat([
        '--encoding=UTF8',
        '--locale=C.UTF-8',
        '--auth=scram-sha-256',
        '--no-instructions',
      ]),
      '',
    );
    // A server without network, for this one statement: quicker than a client, and part of making the cluster.
    await run(
      'postgres',
      ['--single', '-D', making, '-c', 'fsync=off', 'template1'],
      `CREATE DATABASE ${NAME};\n`,
    );
    renameSync(making, place);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/**
 * PostgreSQL takes any process of its user that has the number in its pid file for itself, and refuses to start: a
 * zombie that nobody collects, or, after a restart of the machine, whoever has that number now.
 * @param {string} cluster
 * @returns {void}
 */
function removeMisleadingPidFile(cluster) {
  const file = join(cluster, 'postmaster.pid');
  try {
    const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
    if (programOf(pid) !== 'postgres') rmSync(file);
  } catch {
    // There is none: it was stopped in order.
  }
}

/**
 * @param {PostgresPlan} plan an existing cluster
 * @returns {import('./part.mjs').PartSpec}
 */
export function postgresSpec({ dataDir, port, durable, replicas }) {
  const bin = binFolder(dataDir);
  const cluster = join(dataDir, 'postgres');
  const account = databaseAccount(lstatSync(cluster));
  const logFile = join(dataDir, 'log/postgres.log');
  removeMisleadingPidFile(cluster);
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: String(Math.max(200, 40 + CONNECTIONS_OF_A_REPLICA * replicas)),
    log_destination: 'stderr',
    logging_collector: 'off',
    log_timezone: 'UTC',
    timezone: 'UTC',
    cluster_name: NAME,
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return {
    name: 'postgres',
    command: {
      file: join(bin, 'postgres'),
      args: [
        '-D',
        cluster,
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      env: environment(),
      cwd: '/',
      privileges: account?.privileges,
    },
    deathSignal: 'INT',
    logFile,
    tellingLogs: [logFile],
    isReady: async () => {
      const args = ['-q', '-h', '127.0.0.1', '-p', String(port), '-U', NAME, '-d', NAME, '-t', '2'];
      return (await runChild(join(bin, 'pg_isready'), args, { env: environment(), cwd: '/' })).code === 0;
    },
    // After a crash it replays its log first.
    readySeconds: 120,
    // Fast shutdown: clients are disconnected, nothing is lost. Then immediate: recovery at the next start.
    stopSteps: [
      { signal: 'SIGINT', seconds: 20 },
      { signal: 'SIGQUIT', seconds: 5 },
    ],
  };
}
