import { isAbsolute, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Interrupted } from '../process/interrupted.mjs';
import { ROOT } from '../bootstrap/checkout.mjs';
import { applicationEnvironment, applicationSpec, publicUrlOf } from './application.mjs';
import { ensureCertificates } from './certificates.mjs';
import { openDataFolder } from './data-folder.mjs';
import { migrate } from './migrate.mjs';
import { minioSpec, minioVariables } from './minio.mjs';
import { accessLogOf, nginxSpec } from './nginx.mjs';
import { freePort } from './ports.mjs';
import { databaseUrlOf, ensureCluster, postgresSpec } from './postgres.mjs';
import { redisSpec, redisUrlOf } from './redis.mjs';
import { Secrets } from './secrets.mjs';
import { StackParts } from './stack-parts.mjs';
import { startReplicas } from './start-replicas.mjs';
import { accelRoots, proxiedStores } from './volumes.mjs';

/** @typedef {import('./part.mjs').Part} Part */
/** @typedef {import('./stack-parts.mjs').PartName} PartName */

/**
 * @typedef {object} StackOptions
 * @property {string} dataDir relative to the checkout, or absolute; made when missing
 * @property {number | undefined} [publicPort] where nginx listens; undefined or 0: a free port
 * @property {number | undefined} [appPort] where the application listens on loopback, the first of them when there are
 *   several; undefined or 0: a free port
 * @property {number | undefined} [replicas] how many application processes run behind nginx; default 1
 * @property {boolean | undefined} [restart] default false; true: an application process that ends by itself is started
 *   again, instead of failing the stack
 * @property {Readonly<Record<string, string | undefined>> | undefined} [env] for the application, beside our own
 *   environment; undefined as a value takes a variable away
 * @property {boolean | undefined} [durable] default true; false: PostgreSQL without fsync, for tests
 * @property {readonly PartName[] | undefined} [parts] default: all
 * @property {{ email: string, password?: string | undefined } | undefined} [admin] default admin@example.com with a
 *   generated password
 * @property {string | undefined} [databaseUrl] a PostgreSQL that runs already; then none is started
 * @property {string | undefined} [redisUrl] a Redis that runs already; then none is started
 * @property {boolean | undefined} [s3] default false; true: a MinIO of one node is one of the parts, and its bucket the volume `s3`,
 *   unless `env` names a store by S3_ENDPOINT
 * @property {boolean | undefined} [tls] default false; true: nginx, and a MinIO of the stack, speak HTTPS with a certificate for this
 *   machine
 * @property {'file' | 'inherit' | undefined} [appLog] default: file, `log/app.log` in the data folder, `app-2.log` for the
 *   second replica and so on
 * @property {'built' | 'watch' | undefined} [appMode] default: built; watch: compiled anew at every change
 * @property {Promise<unknown> | undefined} [built] awaited before the first thing from dist/ runs
 * @property {((line: string) => void) | undefined} [onProgress] a line for each step that is done
 * @property {import('../process/progress.mjs').StepReporter | undefined} [progress] instead of onProgress
 * @property {AbortSignal | undefined} [signal] gives up starting: what runs is stopped, the promise rejects with its reason
 */

/**
 * @typedef {object} Stack
 * @property {string} dataDir
 * @property {string} publicUrl on this machine, by nginx, without a slash at the end
 * @property {number} publicPort
 * @property {string | undefined} caFile what clients of `publicUrl` are to trust; undefined without TLS
 * @property {string} appUrl the application itself, the first of them when there are several
 * @property {number} appPort
 * @property {readonly string[]} appUrls of all replicas
 * @property {string} databaseUrl
 * @property {string} redisUrl
 * @property {Record<string, string>} env the application's whole environment; other replicas have another PORT
 * @property {import('./migrate.mjs').Admin} admin
 * @property {Part | undefined} postgres undefined when it is not one of the parts, or another's
 * @property {Part | undefined} redis
 * @property {Part | undefined} nginx
 * @property {Part | undefined} minio
 * @property {Part | undefined} app the first of `apps`
 * @property {readonly Part[]} apps the replicas, as `appUrls`; none when they are not one of the parts
 * @property {Promise<Part>} failed resolves with the first part that ended though nobody asked it to, and is not started again
 * @property {() => Promise<void>} stop in order: applications, nginx, Redis, PostgreSQL; again and again is allowed
 */

/** As the application has them; bytes, and connections of one download. */
const DEFAULT_UPLOAD_MAX_SIZE = 5 * 2 ** 30;
const DEFAULT_MAX_CONNECTIONS = 16;

/**
 * @param {string | undefined} text
 * @returns {number} a wrong one is the application's to refuse, which names the variable
 */
function connectionsOf(text) {
  const connections = Number(text);
  const isRight = Number.isInteger(connections) && connections >= 1 && connections <= 65_535;
  return isRight ? connections : DEFAULT_MAX_CONNECTIONS;
}

/**
 * @param {string | undefined} text
 * @returns {string[]} without those that are none: a wrong one is the application's to refuse, which names the variable
 */
function originsOf(text = '') {
  const origins = text.split(',').map((origin) => origin.trim());
  return [...new Set(origins)].filter((origin) => /^https?:\/\/[a-z0-9.:[\]-]+$/.test(origin));
}

/** Everything that a local stack is made of. */
const ALL_PARTS = /** @type {const} */ (['postgres', 'redis', 'nginx', 'app']);

/** Why the other steps end when one has failed; the failure itself is what the caller hears of. */
const GIVEN_UP = new Interrupted('SIGTERM');

/**
 * @param {StackOptions} options
 * @returns {import('../process/progress.mjs').StepReporter}
 */
function reporterOf({ progress, onProgress }) {
  if (progress) return progress;
  return {
    line: (text) => onProgress?.(text),
    step: async (name, work) => {
      const since = performance.now();
      const result = await work();
      onProgress?.(`▸ ${name} … ok (${((performance.now() - since) / 1000).toFixed(1)} s)`);
      return result;
    },
  };
}

/**
 * @param {number | undefined} port
 * @returns {Promise<number>}
 */
function portOr(port) {
  return port === undefined || port === 0 ? freePort() : Promise.resolve(port);
}

/** @param {number} port */
const loopbackUrl = (port) => `http://127.0.0.1:${String(port)}`;

/**
 * Starts PostgreSQL, Redis, nginx, a MinIO if asked for, and the application's replicas, each on ports and data of its own, and resolves when all answer.
 * The programs must be installed and dist/ must be built. Call it from the main thread: the end of the thread
 * that called it ends the stack.
 * @param {StackOptions} options
 * @returns {Promise<Stack>}
 */
export async function startStack(options) {
  const {
    durable = true,
    parts: wantedParts = ALL_PARTS,
    replicas = 1,
    restart = false,
    built = Promise.resolve(),
    appLog = 'file',
    appMode = 'built',
  } = options;
  // Whoever made the promise hears of its failure from us, at the latest below; not from an unhandled rejection.
  built.catch(() => undefined);
  const reporter = reporterOf(options);
  const dataDir = isAbsolute(options.dataDir) ? options.dataDir : resolve(ROOT, options.dataDir);
  const folder = await openDataFolder(dataDir);

  const parts = new StackParts(folder, (line) => {
    reporter.line(line);
  });

  // One failure gives the other steps up too, whether they wait for a program or for a server.
  const failure = new AbortController();
  const signal = AbortSignal.any([failure.signal, ...(options.signal ? [options.signal] : [])]);
  /** @type {Promise<unknown>[]} */
  const steps = [];
  /**
   * @template T
   * @param {string} name
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  const step = (name, work) => {
    const done = reporter.step(name, async () => {
      signal.throwIfAborted();
      return work();
    });
    steps.push(done);
    done.catch(() => {
      failure.abort(GIVEN_UP);
    });
    return done;
  };

  try {
    signal.throwIfAborted();
    const secrets = new Secrets(dataDir);
    const publicPort = await portOr(options.publicPort);
    const appPort = await portOr(options.appPort);
    const otherPorts = await Promise.all(Array.from({ length: replicas - 1 }, freePort));
    const appPorts = [appPort, ...otherPorts];
    const postgresPlan = {
      dataDir,
      durable,
      replicas,
      port: await freePort(),
      password: secrets.ensure('postgres-password').value,
    };
    const redisPlan = { dataDir, port: await freePort(), password: secrets.ensure('redis-password').value };
    const tls = options.tls === true;
    const certificates = tls
      ? await step('certificates', () => ensureCertificates(dataDir, signal))
      : undefined;
    const ownStore = options.s3 === true && !(options.env?.S3_ENDPOINT ?? process.env.S3_ENDPOINT);
    const minioPlan = ownStore
      ? { dataDir, port: await freePort(), password: secrets.ensure('minio-password').value, certificates }
      : undefined;
    const wanted = (/** @type {PartName} */ name) => wantedParts.includes(name);
    const statusPort = await freePort();
    const databaseUrl = options.databaseUrl ?? databaseUrlOf(postgresPlan);
    const redisUrl = options.redisUrl ?? redisUrlOf(redisPlan);
    const env = applicationEnvironment({
      dataDir,
      publicPort,
      tls,
      appPort,
      databaseUrl,
      redisUrl,
      given: { ...process.env, ...options.env },
      jwtSecretFile: secrets.pathOf('jwt-secret'),
      s3: minioPlan === undefined ? {} : minioVariables(minioPlan),
      nginx: wanted('nginx')
        ? { NGINX_ACCESS_LOG: accessLogOf(dataDir), NGINX_STATUS_URL: loopbackUrl(statusPort) }
        : {},
    });
    if (env.JWT_SECRET_FILE === secrets.pathOf('jwt-secret')) secrets.ensure('jwt-secret');

    const startPostgres = async () => {
      await ensureCluster(postgresPlan, signal);
      return parts.start('postgres', postgresSpec(postgresPlan), signal);
    };
    const startRedis = () => parts.start('redis', redisSpec(redisPlan), signal);
    const startMinio = () =>
      minioPlan && step('minio', () => parts.start('minio', minioSpec(minioPlan), signal));
    const startNginx = async () => {
      const spec = await nginxSpec({
        dataDir,
        publicPort,
        statusPort,
        appPorts,
        volumeRoots: accelRoots(env),
        stores: proxiedStores(env),
        uploadMaxSize: Number(env.UPLOAD_MAX_SIZE ?? DEFAULT_UPLOAD_MAX_SIZE),
        maxConnections: connectionsOf(env.DOWNLOAD_MAX_CONNECTIONS),
        corsOrigins: originsOf(env.CORS_ORIGINS),
        certificates,
      });
      return parts.start('nginx', spec, signal);
    };
    const startApplications = () => {
      const specs = appPorts.map((port, index) =>
        applicationSpec({
          dataDir,
          appPort: port,
          number: index + 1,
          replicas,
          env,
          log: appLog,
          mode: appMode,
        }),
      );
      return startReplicas(specs, (spec) => parts.start('app', spec, signal, { restart }));
    };
    const [postgres, redis, minio, nginx] = await Promise.all([
      wanted('postgres') && options.databaseUrl === undefined ? step('postgres', startPostgres) : undefined,
      wanted('redis') && options.redisUrl === undefined ? step('redis', startRedis) : undefined,
      startMinio(),
      wanted('nginx') ? step('nginx', startNginx) : undefined,
      wanted('app') ? built : undefined,
    ]);

    /** @type {import('./migrate.mjs').Admin} */
    let admin = { email: options.admin?.email ?? 'admin@example.com', password: undefined, generated: false };
    /** @type {Part[]} */
    let apps = [];
    if (wanted('app')) {
      const asked = { email: admin.email, password: options.admin?.password };
      admin = await step('migrations', () => migrate({ dataDir, env, admin: asked, secrets, signal }));
      apps = await step(
        replicas === 1 ? 'application' : `${String(replicas)} applications`,
        startApplications,
      );
    }
    return {
      dataDir,
      publicUrl: publicUrlOf({ publicPort, tls }),
      publicPort,
      caFile: certificates?.caFile,
      appUrl: loopbackUrl(appPort),
      appPort,
      appUrls: appPorts.map(loopbackUrl),
      databaseUrl,
      redisUrl,
      env,
      admin,
      postgres,
      redis,
      minio,
      nginx,
      app: apps[0],
      apps,
      failed: parts.failed,
      stop: () => parts.stop(),
    };
  } catch (error) {
    failure.abort(GIVEN_UP);
    await Promise.allSettled(steps);
    await parts.stop();
    throw error;
  }
}
