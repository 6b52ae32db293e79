// npm run dev: as npm start, but the application is compiled and started anew at every change of src/.
import { ensureBuild } from './bootstrap/build.mjs';
import { ensurePackages } from './bootstrap/packages.mjs';
import { continueOnPinnedNode } from './bootstrap/pinned-node.mjs';
import { ensurePrograms } from './bootstrap/programs.mjs';
import { runScript } from './process/run-script.mjs';
import { runUntilEnd } from './stack/run-until-end.mjs';
import { clusterVersion } from './stack/postgres.mjs';
import { programsFor, refuseArguments, requireStartable, settingsFrom } from './stack/settings.mjs';
import { startStack } from './stack/start-stack.mjs';
import { summaryOf } from './stack/summary.mjs';

await runScript(
  async (shutdown, progress) => {
    const { signal } = shutdown;
    refuseArguments(process.argv.slice(2));
    const settings = settingsFrom(process.env);
    await requireStartable(settings);
    await ensurePackages(progress, signal);
    await continueOnPinnedNode(shutdown);
    await ensurePrograms(programsFor(settings), progress, signal, clusterVersion(settings.dataDir));
    // For the migrations; from then on the watching compiler has dist/ to itself.
    const built = ensureBuild(progress, signal);
    const stack = await startStack({
      ...settings,
      built,
      progress,
      signal,
      appLog: 'inherit',
      appMode: 'watch',
    });
    process.stdout.write(summaryOf(stack));
    return runUntilEnd(stack, shutdown, progress);
  },
  { interruptedIsSuccess: true },
);
