// npm start [-- --replicas N] [--s3] [--tls]: everything that a fresh clone needs, then the service in the foreground.
import { ensureBuild } from './bootstrap/build.mjs';
import { ensureGoTools } from './bootstrap/go-tools.mjs';
import { ensurePackages } from './bootstrap/packages.mjs';
import { continueOnPinnedNode } from './bootstrap/pinned-node.mjs';
import { ensurePrograms } from './bootstrap/programs.mjs';
import { runScript } from './process/run-script.mjs';
import { runUntilEnd } from './stack/run-until-end.mjs';
import { clusterVersion } from './stack/postgres.mjs';
import { startOptionsFrom } from './stack/start-options.mjs';
import { programsFor, requireStartable, settingsFrom } from './stack/settings.mjs';
import { startStack } from './stack/start-stack.mjs';
import { summaryOf } from './stack/summary.mjs';

await runScript(
  async (shutdown, progress) => {
    const { signal } = shutdown;
    const { replicas, s3, tls } = startOptionsFrom(process.argv.slice(2), process.env);
    const settings = settingsFrom(process.env);
    await requireStartable(settings);
    await ensurePackages(progress, signal);
    await continueOnPinnedNode(shutdown);
    const programs = programsFor(settings, { ownStore: s3, tls });
    await ensurePrograms(programs, progress, signal, clusterVersion(settings.dataDir));
    if (s3 && settings.s3Endpoint === undefined) await ensureGoTools(['minio'], progress, signal);
    const built = ensureBuild(progress, signal);
    const stack = await startStack({
      ...settings,
      built,
      progress,
      signal,
      replicas,
      s3,
      tls,
      restart: true,
      // The lines of several processes in one terminal could not be told apart.
      appLog: replicas === 1 ? 'inherit' : 'file',
    });
    process.stdout.write(summaryOf(stack));
    return runUntilEnd(stack, shutdown, progress);
  },
  { interruptedIsSuccess: true },
);
