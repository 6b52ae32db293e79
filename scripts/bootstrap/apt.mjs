import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../process/child-processes.mjs';
import { SaidError } from '../process/said-error.mjs';
import { ROOT } from './checkout.mjs';

const INSTALL_SCRIPT = join(ROOT, 'scripts/bootstrap/apt-install.sh');

/** What the script leaves behind only when it is itself killed with -9. */
const TRACES = [
  '/usr/sbin/policy-rc.d.download-service',
  '/etc/postgresql-common/createcluster.conf.before-download-service',
];

/** apt waits for another apt instead of failing; nobody is there to answer a question. */
const OPTIONS = [
  '-y',
  '--no-install-recommends',
  '-o',
  'DPkg::Lock::Timeout=300',
  '-o',
  'APT::Get::AutomaticRemove=false',
];

/** @returns {NodeJS.ProcessEnv} */
function aptEnvironment() {
  return { ...process.env, DEBIAN_FRONTEND: 'noninteractive', DEBIAN_PRIORITY: 'critical', LC_ALL: 'C' };
}

/**
 * Downloads first, which may be interrupted at any moment, then installs, which may not: an interrupted dpkg
 * leaves a machine to repair. Package lists are fetched only when the ones that are there do not do.
 * @param {readonly string[]} packages
 * @param {import('../process/progress.mjs').StepReporter} progress
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export async function installWithApt(packages, progress, signal) {
  const env = aptEnvironment();
  const download = () =>
    runChild('apt-get', ['install', '--download-only', ...OPTIONS, ...packages], { env, signal });
  let result = await download();
  if (result.code !== 0) {
    // Some other source of this machine may be out of reach; what counts is whether the packages can be had.
    const update = await runChild('apt-get', ['update', '-o', 'DPkg::Lock::Timeout=300'], { env, signal });
    result = await download();
    if (result.code !== 0) throw failed(packages, `${update.output}\n${result.output}`);
  }
  // The script ignores signals: it ends by itself, even when we are gone, and puts everything back.
  const explain = () => {
    progress.line(
      '  packages are being installed; that must not be cut short. Ending as soon as it is done.',
    );
  };
  signal.addEventListener('abort', explain, { once: true });
  const install = await runChild('sh', [INSTALL_SCRIPT, 'install', ...OPTIONS, ...packages], { env });
  signal.removeEventListener('abort', explain);
  if (install.code !== 0) throw failed(packages, install.output);
  signal.throwIfAborted();
}

/**
 * @param {readonly string[]} packages
 * @param {string} output
 * @returns {SaidError}
 */
function failed(packages, output) {
  return new SaidError(
    `${output.trim()}\n\napt-get could not install ${packages.join(' ')}. What helps: read the lines above, then by hand\n` +
      `  apt-get update && apt-get install --no-install-recommends ${packages.join(' ')}`,
  );
}

/**
 * Puts back what an installation that was killed with -9 has left changed. Costs two look-ups otherwise.
 * @returns {Promise<void>}
 */
export async function undoInterruptedInstall() {
  if (process.getuid?.() !== 0 || !TRACES.some((path) => existsSync(path))) return;
  await runChild('sh', [INSTALL_SCRIPT, 'undo'], { env: aptEnvironment() });
}
