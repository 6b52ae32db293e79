// npm start [-- --replicas N]: everything that a fresh clone needs, then the service in the foreground.
import { ensureBuild } from './bootstrap/build.mjs';
import { ensurePackages } from './bootstrap/packages.mjs';
import { continueOnPinnedNode } from './bootstrap/pinned-node.mjs';
import { ensurePrograms } from './bootstrap/programs.mjs';
import { runScript } from './process/run-script.mjs';
import { runUntilEnd } from './stack/run-until-end.mjs';
import { clusterVersion } from './stack/postgres.mjs';
import { replicasFrom } from './stack/replicas-option.mjs';
import { programsFor, requireStartable, settingsFrom } from './stack/settings.mjs';
import { startStack } from './stack/start-stack.mjs';
import { summaryOf } from './stack/summary.mjs';

await runScript(
  async (shutdown, progress) => {
    const { signal } = shutdown;
    const replicas = replicasFrom(process.argv.slice(2), process.env);
    const settings = settingsFrom(process.env);
    await requireStartable(settings);
    await ensurePackages(progress, signal);
    await continueOnPinnedNode(shutdown);
    await ensurePrograms(programsFor(settings), progress, signal, clusterVersion(settings.dataDir));
    const built = ensureBuild(progress, signal);
    const stack = await startStack({
      ...settings,
      built,
      progress,
      signal,
      replicas,
      restart: true,
      // The lines of several processes in one terminal could not be told apart.
      appLog: replicas === 1 ? 'inherit' : 'file',
    });
    process.stdout.write(summaryOf(stack));
    return runUntilEnd(stack, shutdown, progress);
  },
  { interruptedIsSuccess: true },
);
