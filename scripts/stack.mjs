// npm run stack: PostgreSQL, Redis and nginx only, for an application that is started by hand or by a debugger.
import { ensurePackages } from './bootstrap/packages.mjs';
import { continueOnPinnedNode } from './bootstrap/pinned-node.mjs';
import { ensurePrograms } from './bootstrap/programs.mjs';
import { runScript } from './process/run-script.mjs';
import { runUntilEnd } from './stack/run-until-end.mjs';
import { clusterVersion } from './stack/postgres.mjs';
import { programsFor, refuseArguments, requireStartable, settingsFrom } from './stack/settings.mjs';
import { startStack } from './stack/start-stack.mjs';

/** What the application needs to know of the stack; the rest of its environment is the user's own. */
const OF_THE_STACK = [
  'PORT',
  'HOST',
  'PUBLIC_URL',
  'DATABASE_URL',
  'REDIS_URL',
  'JWT_SECRET_FILE',
  'VOLUMES',
  'NGINX_ACCESS_LOG',
  'NGINX_STATUS_URL',
];

/**
 * @param {string} value
 * @returns {string} as a shell takes it literally
 */
function quoted(value) {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

await runScript(
  async (shutdown, progress) => {
    const { signal } = shutdown;
    refuseArguments(process.argv.slice(2));
    const settings = settingsFrom(process.env);
    await requireStartable(settings);
    await ensurePackages(progress, signal);
    await continueOnPinnedNode(shutdown);
    await ensurePrograms(programsFor(settings), progress, signal, clusterVersion(settings.dataDir));
    const stack = await startStack({ ...settings, progress, signal, parts: ['postgres', 'redis', 'nginx'] });
    const exports = OF_THE_STACK.flatMap((name) => {
      const value = stack.env[name];
      return value === undefined ? [] : [`export ${name}=${quoted(value)}`];
    });
    process.stdout.write(`\n${exports.join('\n')}\n\n`);
    progress.line(`nginx listens on ${stack.publicUrl} and expects the application on ${stack.appUrl}.`);
    progress.line(
      'With these variables: npm run build && npm run migrate && node dist/src/main.js. Ctrl-C stops everything.',
    );
    return runUntilEnd(stack, shutdown, progress);
  },
  { interruptedIsSuccess: true },
);
