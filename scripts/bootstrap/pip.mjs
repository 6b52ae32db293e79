import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { runChild } from '../process/child-processes.mjs';
import { SaidError } from '../process/said-error.mjs';
import { findProgram } from './programs.mjs';

/**
 * Puts a package of PyPI, and what it needs, in a folder of its own.
 * @param {string} requirement such as `boto3==1.43.11`
 * @param {string} folder absolute; not there yet
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 * @throws {SaidError} with what pip says
 */
export async function installWithPip(requirement, folder, signal) {
  // Made beside its place: what is cut short leaves nothing that looks finished.
  const unfinished = join(dirname(folder), `.${basename(folder)}-${String(process.pid)}`);
  mkdirSync(dirname(folder), { recursive: true });
  try {
    const args = ['install', '--quiet', '--target', unfinished, requirement];
    const { code, output } = await runChild(findProgram('pip3') ?? 'pip3', args, { signal });
    if (code !== 0)
      throw new SaidError(`${output.trim()}\n\npip could not install it (pip3 ${args.join(' ')})`);
    // Another may have been faster.
    if (!existsSync(folder)) renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
