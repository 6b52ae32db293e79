import { Interrupted } from './interrupted.mjs';
import { Progress } from './progress.mjs';
import { SaidError } from './said-error.mjs';
import { Shutdown, exitCodeOf } from './shutdown.mjs';

/** The scripts are written for this much, up to where they start themselves again on the pinned Node. */
const OLDEST_NODE = 20;

/**
 * The frame of every script: signal handlers before anything else, and one way to fail.
 * @param {(shutdown: Shutdown, progress: Progress) => Promise<number>} main resolves with the exit code
 * @param {{ interruptedIsSuccess: boolean }} options whether an orderly end by Ctrl-C or SIGTERM is exit code 0: it is how
 *   a server ends, but tests that were interrupted have not passed
 * @returns {Promise<void>}
 */
export async function runScript(main, { interruptedIsSuccess }) {
  const shutdown = new Shutdown();
  const progress = new Progress();
  try {
    if (process.platform !== 'linux')
      throw new SaidError('This needs Linux (on another system: a container or a virtual machine)');
    if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
      throw new SaidError(`This needs Node ${String(OLDEST_NODE)} or newer; this is ${process.version}`);
    }
    process.exitCode = await main(shutdown, progress);
  } catch (error) {
    process.exitCode = 1;
    if (error instanceof Interrupted)
      process.exitCode = interruptedIsSuccess ? 0 : exitCodeOf(error.signalName);
    else progress.line(`\n✗ ${messageOf(error)}`);
  }
  // Whatever is still open, a timer or a pipe that a grandchild holds, must not keep the terminal.
  process.exit();
}

/**
 * @param {unknown} error
 * @returns {string}
 */
function messageOf(error) {
  if (error instanceof SaidError || (error instanceof Error && error.name === 'PartFailed'))
    return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
