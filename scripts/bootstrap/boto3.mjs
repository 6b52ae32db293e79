import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installWithPip } from './pip.mjs';
import { ensurePrograms, findProgram } from './programs.mjs';
import { toolCache } from './tool-cache.mjs';

/** An S3 client of another make, from PyPI; what it needs comes in the versions that it names itself. */
const VERSION = '1.43.11';

/** @returns {string} for PYTHONPATH */
function folder() {
  return join(toolCache(), 'python', `boto3-${VERSION}`);
}

/**
 * A Python that has boto3.
 * @returns {{ file: string, env: NodeJS.ProcessEnv } | undefined} undefined when it has not been fetched
 */
export function findBoto3() {
  const file = findProgram('python3');
  if (file === undefined || !existsSync(folder())) return undefined;
  return { file, env: { ...process.env, PYTHONPATH: folder(), PYTHONDONTWRITEBYTECODE: '1' } };
}

/**
 * Fetches boto3 for the tests, once a machine. Where it cannot be had they skip themselves, by name; where CI is set that is a failure.
 * @param {import('../process/progress.mjs').StepReporter} progress
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export async function ensureBoto3(progress, signal) {
  if (findBoto3() !== undefined) return;
  try {
    await ensurePrograms(['python3', 'pip3'], progress, signal);
    await progress.step(`boto3 (pip install boto3==${VERSION}, once; about 30 MB)`, () =>
      installWithPip(`boto3==${VERSION}`, folder(), signal),
    );
  } catch (error) {
    signal.throwIfAborted();
    if (process.env.CI) throw error;
    progress.line(error instanceof Error ? error.message : String(error));
  }
}
