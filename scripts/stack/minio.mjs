import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SaidError } from '../process/said-error.mjs';
import { findGoTool } from '../bootstrap/go-tools.mjs';

/** @typedef {{ dataDir: string, port: number, password: string }} MinioPlan */

/** The root account; the password is one of the stack's secrets. */
export const MINIO_USER = 'download-service';

/**
 * @param {MinioPlan} plan
 * @returns {Record<string, string>} what the application is to know of it
 */
export function minioVariables({ port, password }) {
  return {
    S3_ENDPOINT: `http://127.0.0.1:${String(port)}`,
    S3_ACCESS_KEY: MINIO_USER,
    S3_SECRET_KEY: password,
  };
}

/**
 * One node over four folders: the smallest that heals a lost drive, and what SIGKILL leaves is whole.
 * @param {MinioPlan} plan
 * @returns {import('./part.mjs').PartSpec}
 */
export function minioSpec({ dataDir, port, password }) {
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
  return {
    name: 'minio',
    command: {
      file,
      args: ['server', '--quiet', '--address', `127.0.0.1:${String(port)}`, ...drives],
      env: {
        ...process.env,
        HOME: folder,
        MINIO_CONFIG_ENV_FILE: config,
        // Folders of one disk count as drives.
        MINIO_CI_CD: '1',
        MINIO_BROWSER: 'off',
        MINIO_UPDATE: 'off',
      },
      cwd: folder,
    },
    deathSignal: 'TERM',
    logFile,
    tellingLogs: [logFile],
    isReady: async (signal) =>
      (await fetch(`http://127.0.0.1:${String(port)}/minio/health/cluster`, { signal })).ok,
    readySeconds: 60,
    stopSteps: [{ signal: 'SIGTERM', seconds: 10 }],
  };
}
