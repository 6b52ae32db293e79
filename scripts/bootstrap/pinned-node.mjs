import { exitOf, spawnChild } from '../process/child-processes.mjs';
import { exitCodeOf } from '../process/shutdown.mjs';
import { PINNED_NODE } from './checkout.mjs';

/** The application, the tests and their tools want this much; the scripts themselves run on Node 20 too. */
const NEEDED_MAJOR = 24;

/**
 * Starts the running script again on the pinned Node when this one is older, and then never returns: this process
 * hands on signals and, at the end, the exit code.
 * @param {import('../process/shutdown.mjs').Shutdown} shutdown
 * @returns {Promise<void>}
 */
export async function continueOnPinnedNode(shutdown) {
  if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) return;
  const child = spawnChild(PINNED_NODE, process.argv.slice(1), { stdio: 'inherit', sameGroup: true });
  shutdown.relayTo(child);
  const { code, signal } = await exitOf(child);
  process.exit(code ?? exitCodeOf(signal ?? 'SIGTERM'));
}
