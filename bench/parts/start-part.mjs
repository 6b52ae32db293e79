import { join } from 'node:path';
import { Part } from '../../scripts/stack/part.mjs';
import { freePort } from '../../scripts/stack/ports.mjs';

/**
 * Starts a server that only this row needs, on a free port of loopback, until the row is over.
 * @param {string} name
 * @param {import('../benchmark.js').Setting} setting
 * @param {(port: number) => { file: string, args: readonly string[] } | Promise<{ file: string, args: readonly string[] }>} commandFor
 * @returns {Promise<string>} its origin; it answers, with whatever status
 */
export async function startPart(name, { folder, signal, onEnd }, commandFor) {
  const port = await freePort();
  const origin = `http://127.0.0.1:${String(port)}`;
  const logFile = join(folder, `${name}.log`);
  const part = new Part(
    {
      name,
      command: { ...(await commandFor(port)), env: process.env, cwd: folder },
      deathSignal: 'TERM',
      logFile,
      tellingLogs: [logFile],
      isReady: async (question) => {
        await (await fetch(origin, { signal: question })).arrayBuffer();
        return true;
      },
      readySeconds: 20,
      stopSteps: [{ signal: 'SIGTERM', seconds: 5 }],
    },
    () => undefined,
  );
  onEnd(() => part.stop());
  await part.start(signal);
  return origin;
}
