import { PartFailed, describeExit } from './part.mjs';

/**
 * Keeps a stack in the foreground until an end is asked for, or one of its parts ends by itself; then stops it.
 * @param {import('./start-stack.mjs').Stack} stack
 * @param {import('../process/shutdown.mjs').Shutdown} shutdown
 * @param {import('../process/progress.mjs').StepReporter} progress
 * @returns {Promise<number>} exit code
 */
export async function runUntilEnd(stack, shutdown, progress) {
  const { signal } = shutdown;
  // Keeps the event loop, and with it us, alive: signals and exits of children come as events.
  const heartbeat = setInterval(() => undefined, 60_000);
  const asked = new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true });
    if (signal.aborted) resolve(undefined);
  });
  const failed = await Promise.race([stack.failed, asked.then(() => undefined)]);
  if (failed) {
    const status = await failed.exited;
    progress.line(`\n✗ ${new PartFailed(failed.name, describeExit(status), failed.tellingLogs).message}\n`);
  }
  await progress.step('stopping', () => stack.stop());
  clearInterval(heartbeat);
  return failed ? 1 : 0;
}
