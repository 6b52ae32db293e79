import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findGoTool } from '../../scripts/bootstrap/go-tools.mjs';
import type { MinioPlan } from '../../scripts/stack/minio.mjs';
import type { PartSpec } from '../../scripts/stack/part.mjs';

export const VERSITYGW_USER = 'download-service';

/**
 * An S3 gateway over plain folders, of another make than MinIO: other error codes, other documents. Its ETags are made to be
 * anything but MD5, as they are on stores with encryption.
 */
export function versitygwSpec({ dataDir, port, password }: MinioPlan): PartSpec {
  const objects = join(dataDir, 'versitygw/objects');
  const metadata = join(dataDir, 'versitygw/metadata');
  const logFile = join(dataDir, 'log/versitygw.log');
  for (const folder of [objects, metadata]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return {
    name: 'versitygw',
    command: {
      file: findGoTool('versitygw') ?? 'versitygw',
      args: [
        ...['--port', `127.0.0.1:${port}`, '--health', '/health', '--quiet'],
        // Extended attributes are not to be had on every file system.
        ...['posix', '--sidecar', metadata, '--data-integrity-etag', objects],
      ],
      env: { ...process.env, ROOT_ACCESS_KEY: VERSITYGW_USER, ROOT_SECRET_KEY: password },
      cwd: dataDir,
    },
    deathSignal: 'TERM',
    logFile,
    tellingLogs: [logFile],
    isReady: async (signal) => (await fetch(`http://127.0.0.1:${port}/health`, { signal })).ok,
    readySeconds: 20,
    stopSteps: [{ signal: 'SIGTERM', seconds: 5 }],
  };
}
