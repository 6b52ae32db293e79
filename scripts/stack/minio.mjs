import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SaidError } from '../process/said-error.mjs';
import { findGoTool } from '../bootstrap/go-tools.mjs';
import { answersOk } from './health.mjs';

/**
 * @typedef {object} MinioPlan
 * @property {string} dataDir
 * @property {number} port
 * @property {string} password
 * @property {import('./certificates.mjs').Certificates | undefined} [certificates] default: it speaks HTTP
 */

/** The root account; the password is one of the stack's secrets. */
export const MINIO_USER = 'download-service';

/**
 * @param {MinioPlan} plan
 * @returns {Record<string, string>} what the application is to know of it
 */
export function minioVariables({ port, password, certificates }) {
  return {
    S3_ENDPOINT: originOf({ port, certificates }),
    S3_ACCESS_KEY: MINIO_USER,
    S3_SECRET_KEY: password,
    ...(certificates && { S3_CA_FILE: certificates.caFile }),
  };
}

/** @param {Pick<MinioPlan, 'port' | 'certificates'>} plan */
function originOf({ port, certificates }) {
  // By name with TLS: nginx does not verify addresses.
  return certificates ? `https://localhost:${String(port)}` : `http://127.0.0.1:${String(port)}`;
}

/**
 * One node over four folders: the smallest that heals a lost drive, and what SIGKILL leaves is whole.
 * @param {MinioPlan} plan
 * @returns {import('./part.mjs').PartSpec}
 */
export function minioSpec({ dataDir, port, password, certificates }) {
  const file = findGoTool('minio');
  if (file === undefined)
    throw new SaidError('minio is not there (npm start -- --s3 builds it, or says how)');
  const folder = join(dataDir, 'minio');
  const logFile = join(dataDir, 'log/minio.log');
  const drives = [1, 2, 3, 4].map((number) => join(folder, `drive-${String(number)}`));
  for (const drive of drives) mkdirSync(drive, { recursive: true, mode: 0o700 });
  // A file and not the environment's text, since that of a process can be read; MinIO takes both.
  const config = join(dataDir, 'secrets/minio.env');
  writeFileSync(config, `MINIO_ROOT_USER=${MINIO_USER}\nMINIO_ROOT_PASSWORD=${password}\n`, { mode: 0o600 });
  // It wants them in a folder of their own, by these names; with an empty one it speaks HTTP.
  const certificatesFolder = join(dataDir, certificates ? 'tls/minio' : 'minio/no-certificates');
  mkdirSync(certificatesFolder, { recursive: true, mode: 0o700 });
  if (certificates) {
    copyFileSync(certificates.certificateFile, join(certificatesFolder, 'public.crt'));
    copyFileSync(certificates.keyFile, join(certificatesFolder, 'private.key'));
  }
  const ca = certificates && readFileSync(certificates.caFile);
  return {
    name: 'minio',
    command: {
      file,
      args: ['server', '--quiet', '--certs-dir', certificatesFolder].concat(
        ['--address', `127.0.0.1:${String(port)}`],
        drives,
      ),
      env: {
        ...process.env,
        HOME: folder,
        MINIO_CONFIG_ENV_FILE: config,
        // Folders of one disk count as drives.
        MINIO_CI_CD: '1',
        MINIO_BROWSER: 'off',
        MINIO_UPDATE: 'off',
        // It forgets unfinished uploads after a day otherwise; ours may last for seven.
        MINIO_API_STALE_UPLOADS_EXPIRY: '192h',
      },
      cwd: folder,
    },
    deathSignal: 'TERM',
    logFile,
    tellingLogs: [logFile],
    isReady: (signal) => answersOk(`${originOf({ port, certificates })}/minio/health/cluster`, signal, ca),
    readySeconds: 60,
    stopSteps: [{ signal: 'SIGTERM', seconds: 10 }],
  };
}
