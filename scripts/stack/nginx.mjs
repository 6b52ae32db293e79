import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { ROOT } from '../bootstrap/checkout.mjs';
import { requireProgram } from '../bootstrap/programs.mjs';
import { runChild } from '../process/child-processes.mjs';
import { rotateLog } from '../process/log-file.mjs';
import { SaidError } from '../process/said-error.mjs';
import { storeDirectives } from './nginx-stores.mjs';
import { pathInConfig, renderTemplate } from './nginx-template.mjs';
import { hasIpv6 } from './ports.mjs';

/**
 * @typedef {object} NginxPlan
 * @property {string} dataDir
 * @property {number} publicPort
 * @property {number} statusPort where it answers heartbeats, on loopback
 * @property {readonly number[]} appPorts of the application's replicas
 * @property {ReadonlyMap<string, string>} volumeRoots absolute folders of the blobs that nginx sends itself, by volume
 * @property {ReadonlyMap<string, import('./volumes.mjs').ProxiedStore>} stores from which nginx fetches blobs, by volume
 * @property {number} uploadMaxSize bytes of the largest file
 * @property {number} maxConnections of one logical download
 * @property {readonly string[]} corsOrigins origins whose pages may read what nginx itself answers
 * @property {import('./certificates.mjs').Certificates | undefined} certificates undefined: it speaks HTTP
 */

const TEMPLATE = join(ROOT, 'deploy/nginx/nginx.conf.template');
const NEW_INSTANCE = join(ROOT, 'deploy/nginx/new-instance.sh');

/** Bytes that boundaries, part headers and fields may add to a file: as the application has it. */
const FORM_OVERHEAD = 64 * 1024;

/**
 * @param {string} dataDir
 * @returns {string} the log that the application follows
 */
export function accessLogOf(dataDir) {
  return join(dataDir, 'nginx/access.log');
}

/**
 * A socket each for IPv4 and IPv6: one for both would show IPv4 clients by mapped addresses (::ffff:10.0.0.1).
 * @param {number} port
 * @param {{ ipv6: boolean, tls: boolean }} options
 * @returns {string}
 */
function listenDirectives(port, { ipv6, tls }) {
  const options = `${tls ? 'ssl http2 ' : ''}backlog=4096`;
  const ipv4 = `listen ${String(port)} ${options};`;
  return ipv6 ? `${ipv4}\n        listen [::]:${String(port)} ipv6only=on ${options};` : ipv4;
}

/**
 * Writes nginx.conf and lets nginx check it.
 * @param {NginxPlan} plan
 * @returns {Promise<import('./part.mjs').PartSpec>}
 */
export async function nginxSpec({
  dataDir,
  publicPort,
  statusPort,
  appPorts,
  volumeRoots,
  stores,
  uploadMaxSize,
  maxConnections,
  corsOrigins,
  certificates,
}) {
  const prefix = join(dataDir, 'nginx');
  const config = join(prefix, 'nginx.conf');
  const logFile = join(dataDir, 'log/nginx.log');
  mkdirSync(prefix, { recursive: true, mode: 0o700 });
  for (const name of ['access.log', 'error.log']) rotateLog(join(prefix, name));
  writeFileSync(
    config,
    renderTemplate(readFileSync(TEMPLATE, 'utf8'), {
      ...storeDirectives(stores, prefix, String(maxConnections)),
      NGINX_USER_DIRECTIVE: process.getuid?.() === 0 ? 'user root;' : '',
      NGINX_PREFIX: pathInConfig(prefix, prefix),
      STATUS_PORT: String(statusPort),
      DOWNLOAD_MAX_CONNECTIONS: String(maxConnections),
      PUBLIC_LISTEN: listenDirectives(publicPort, { ipv6: await hasIpv6(), tls: certificates !== undefined }),
      PUBLIC_CERTIFICATE:
        certificates === undefined
          ? ''
          : `ssl_certificate "${pathInConfig(certificates.certificateFile, prefix)}";\n` +
            `        ssl_certificate_key "${pathInConfig(certificates.keyFile, prefix)}";`,
      // Never put aside for a while: to be refused on loopback costs nothing, and a replica is back within seconds.
      APP_UPSTREAM: appPorts
        .map((port) => `server 127.0.0.1:${String(port)} max_fails=0;`)
        .join('\n        '),
      VOLUME_ROOTS: [...volumeRoots]
        .map(([name, root]) => `${name} "${pathInConfig(root, prefix)}";`)
        .join('\n        '),
      CORS_ORIGINS: corsOrigins.map((origin) => `"${origin}" $http_origin;`).join('\n        '),
      // What the application takes, boundaries and fields included; a wrong value is the application's to refuse.
      UPLOAD_MAX_BODY: String((uploadMaxSize || 0) + FORM_OVERHEAD),
    }),
    { mode: 0o600 },
  );
  // -e: without it nginx first tries the system's log, which an ordinary user may not write.
  const nginx = [requireProgram('nginx'), '-p', `${prefix}/`, '-c', config, '-e', 'stderr'];
  const args = [NEW_INSTANCE, join(prefix, 'instance.conf'), ...nginx];
  const test = await runChild('/bin/sh', [...args, '-t', '-q'], { cwd: prefix });
  if (test.code !== 0)
    throw new SaidError(`nginx refuses ${config}, made from ${TEMPLATE}:\n${test.output.trim()}`);
  return {
    name: 'nginx',
    command: { file: '/bin/sh', args, env: process.env, cwd: prefix },
    deathSignal: 'TERM',
    logFile,
    tellingLogs: [logFile, join(prefix, 'error.log')],
    isReady: () => accepts(publicPort),
    readySeconds: 20,
    // Open transfers may take hours; who asks for the end of a local stack does not want to wait for them.
    stopSteps: [
      { signal: 'SIGQUIT', seconds: 3 },
      { signal: 'SIGTERM', seconds: 3 },
    ],
  };
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
