// npm test: the checks, then all tests; the last line is the sum of both.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBoto3 } from './bootstrap/boto3.mjs';
import { ensureBuild } from './bootstrap/build.mjs';
import { ensureStores } from './bootstrap/go-tools.mjs';
import { ensurePackages } from './bootstrap/packages.mjs';
import { continueOnPinnedNode } from './bootstrap/pinned-node.mjs';
import { ensureBrowser, ensurePrograms } from './bootstrap/programs.mjs';
import { runChecks } from './checks/run-checks.mjs';
import { runScript } from './process/run-script.mjs';
import { describeExit } from './stack/part.mjs';
import { countChecks, countTests, NOTHING, sum } from './tests/count.mjs';
import { runVitest } from './tests/run-vitest.mjs';

await runScript(
  async (shutdown, progress) => {
    const { signal } = shutdown;
    const args = process.argv.slice(2);
    let total = NOTHING;
    try {
      await ensurePackages(progress, signal);
      await continueOnPinnedNode(shutdown);
      await ensurePrograms(
        ['postgres', 'redis-server', 'nginx', 'nginx-js', 'curl', 'wget', 'aria2c'],
        progress,
        signal,
      );
      await ensureBrowser(progress, signal);
      // Takes minutes, once a machine: beside the checks, but not beside the tests, some of which measure time.
      const stores = ensureStores(progress, signal).then(() => ensureBoto3(progress, signal));
      stores.catch(() => undefined);
      await ensureBuild(progress, signal);
      // Who names tests wants their answer soon.
      if (args.length === 0) total = sum(total, countChecks(await runChecks(progress, signal)));
      await stores;
      const folder = await mkdtemp(join(tmpdir(), 'download-service-test-'));
      try {
        const report = join(folder, 'report.json');
        const status = await runVitest(args, report, signal);
        signal.throwIfAborted();
        // It says itself what failed, unless somebody else has ended it.
        if (status.signal !== null) progress.line(`\n✗ the tests: vitest ${describeExit(status)}\n`);
        total = sum(total, await countTests(report, status));
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    } catch (error) {
      // Whatever went wrong before the tests could answer is a failure, and the last line says so.
      if (!signal.aborted) progress.line(`\n✗ ${error instanceof Error ? error.message : String(error)}\n`);
      total = sum(total, { passed: 0, failed: 1, skipped: 0 });
    }
    const line = `${String(total.passed)} passed, ${String(total.failed)} failed, ${String(total.skipped)} skipped\n`;
    await new Promise((resolve) => process.stdout.write(line, resolve));
    signal.throwIfAborted();
    return total.failed === 0 ? 0 : 1;
  },
  { interruptedIsSuccess: false },
);
