import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../process/child-processes.mjs';
import { SaidError } from '../process/said-error.mjs';
import { cacheFolder } from './go-tools.mjs';
import { ensurePrograms, findProgram } from './programs.mjs';

const BOTO3 = 'boto3==1.43.11';

/**
 * The S3 client of Python, once a machine and beside its own packages.
 * @param {import('../process/progress.mjs').StepReporter} progress
 * @param {AbortSignal} signal
 * @returns {Promise<{ PYTHONPATH: string }>} for the environment of python3
 */
export async function ensureBoto3(progress, signal) {
  await ensurePrograms(['pip3'], progress, signal);
  const folder = join(cacheFolder(), BOTO3.replace('==', '-'));
  if (!existsSync(join(folder, 'boto3'))) {
    await progress.step(`boto3 (pip install ${BOTO3})`, async () => {
      const args = ['install', '--quiet', '--target', folder, BOTO3];
      const { code, output } = await runChild(findProgram('pip3') ?? 'pip3', args, { signal });
      if (code !== 0) throw new SaidError(`${output.trim()}\n\npip could not install boto3`);
    });
  }
  return { PYTHONPATH: folder };
}
