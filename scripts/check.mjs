// npm run check: everything that can be said about the code without running it.
import { pathToFileURL } from 'node:url';
import { ensurePackages } from './bootstrap/packages.mjs';
import { continueOnPinnedNode } from './bootstrap/pinned-node.mjs';
import { runChecks } from './checks/run-checks.mjs';
import { runScript } from './process/run-script.mjs';

export { runChecks };

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript(
    async (shutdown, progress) => {
      await ensurePackages(progress, shutdown.signal);
      await continueOnPinnedNode(shutdown);
      const results = await runChecks(progress, shutdown.signal);
      return results.every(({ ok }) => ok) ? 0 : 1;
    },
    { interruptedIsSuccess: false },
  );
}
