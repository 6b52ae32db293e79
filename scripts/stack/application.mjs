import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { PINNED_NODE, ROOT } from '../bootstrap/checkout.mjs';
import { answersOk } from './health.mjs';
import { localVolume } from './volumes.mjs';

/**
 * @typedef {object} ApplicationPlan
 * @property {string} dataDir
 * @property {number} publicPort
 * @property {boolean} tls whether nginx speaks HTTPS there
 * @property {number} appPort
 * @property {string} databaseUrl
 * @property {string} redisUrl
 * @property {NodeJS.ProcessEnv} given what the caller and the user have set
 * @property {string} jwtSecretFile
 * @property {Record<string, string>} s3 variables of a store that belongs to the stack; the user's own go before them
 * @property {Record<string, string>} nginx variables of the nginx in front; none when it is not one of the parts
 */

/** For the starter only; the application has no use for the first account's password. */
const NOT_FOR_THE_APPLICATION = [
  'ADMIN_EMAIL',
  'ADMIN_PASSWORD',
  'ADMIN_INITIAL_PASSWORD',
  'PUBLIC_PORT',
  'DATA_DIR',
  'DATABASE_URL_FILE',
  'REDIS_URL_FILE',
];

/** Any of them is the user's own choice of secret. */
const JWT_VARIABLES = ['JWT_SECRET', 'JWT_SECRET_FILE', 'JWT_SECRETS', 'JWT_SECRETS_FILE'];

/**
 * Bodies pass through as short-lived buffers, which V8 frees when it collects its young generation. The application asks for that by
 * the bytes that have passed (`--expose-gc`), and what is dead is freed at once; then the young generation can be large enough for
 * the many small requests (docs/adr/0006).
 */
const NODE_FLAGS = [
  '--enable-source-maps',
  '--expose-gc',
  '--max-semi-space-size=8',
  '--no-concurrent-array-buffer-sweeping',
];

/** @returns {string} the Node that the application runs on */
export function applicationNode() {
  return existsSync(PINNED_NODE) ? PINNED_NODE : process.execPath;
}

/**
 * @param {Pick<ApplicationPlan, 'publicPort' | 'tls'>} plan
 * @returns {string} as users of this machine reach the service
 */
export function publicUrlOf({ publicPort, tls }) {
  // `origin` leaves the scheme's own port out.
  return new URL(`${tls ? 'https' : 'http'}://localhost:${String(publicPort)}`).origin;
}

/**
 * The whole environment of the application.
 * @param {ApplicationPlan} plan
 * @returns {Record<string, string>}
 */
export function applicationEnvironment(plan) {
  const { given } = plan;
  /** @type {Record<string, string>} */
  const env = {};
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && !NOT_FOR_THE_APPLICATION.includes(name)) env[name] = value;
  }
  const isSet = (/** @type {string} */ name) => (env[name] ?? '') !== '';
  if (!isSet('S3_ENDPOINT')) Object.assign(env, plan.s3);
  // Threads for the file system: four that wait for a slow disk would keep everything else waiting (docs/adr/0018).
  if (!isSet('UV_THREADPOOL_SIZE')) env.UV_THREADPOOL_SIZE = '8';
  if (!isSet('PUBLIC_URL')) env.PUBLIC_URL = publicUrlOf(plan);
  if (!isSet('VOLUMES')) env.VOLUMES = JSON.stringify([localVolume(plan.dataDir)]);
  if (!JWT_VARIABLES.some(isSet)) {
    for (const name of JWT_VARIABLES) Reflect.deleteProperty(env, name);
    env.JWT_SECRET_FILE = plan.jwtSecretFile;
  }
  env.PORT = String(plan.appPort);
  env.HOST = '127.0.0.1';
  env.DATABASE_URL = plan.databaseUrl;
  env.REDIS_URL = plan.redisUrl;
  Object.assign(env, plan.nginx);
  return env;
}

/**
 * @param {object} options
 * @param {string} options.dataDir
 * @param {number} options.appPort
 * @param {number} options.number of this replica, from 1
 * @param {number} options.replicas
 * @param {Record<string, string>} options.env of the first replica
 * @param {'file' | 'inherit'} options.log
 * @param {'built' | 'watch'} options.mode watch: compiled and started anew at every change of src/
 * @returns {import('./part.mjs').PartSpec}
 */
export function applicationSpec({ dataDir, appPort, number, replicas, env: first, log, mode }) {
  /** @type {Record<string, string>} */
  const env = { ...first, PORT: String(appPort) };
  const logName = number === 1 ? 'app.log' : `app-${String(number)}.log`;
  const logFile = log === 'file' ? join(dataDir, 'log', logName) : undefined;
  const built = [...NODE_FLAGS, join(ROOT, 'dist/src/main.js')];
  const watch = [
    join(ROOT, 'node_modules/@nestjs/cli/bin/nest.js'),
    'start',
    '--watch',
    '--preserveWatchOutput',
  ];
  watch.push('--no-shell', '--exec', join(ROOT, 'scripts/stack/watched-node.sh'));
  // There nest looks for node, which the user may have in an older version.
  const path = [dirname(applicationNode()), env.PATH ?? ''].join(delimiter);
  return {
    name: replicas === 1 ? 'application' : `application ${String(number)}`,
    command: {
      file: applicationNode(),
      args: mode === 'built' ? built : watch,
      env: mode === 'built' ? env : { ...env, PATH: path },
      cwd: ROOT,
    },
    deathSignal: 'TERM',
    logFile,
    tellingLogs: logFile === undefined ? [] : [logFile],
    isReady: (signal) => answersOk(`http://127.0.0.1:${String(appPort)}/health/ready`, signal),
    // Under watch the first compilation may fail; then it waits for the correction, as long as that takes.
    readySeconds: mode === 'built' ? 60 : 24 * 3600,
    // It finishes the requests that it has begun.
    stopSteps: [{ signal: 'SIGTERM', seconds: 30 }],
  };
}
