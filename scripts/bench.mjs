// npm run bench [-- row… [--json FILE]]: candidate against baseline on a stack of its own; fails when a row misses its goal.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { accel1g } from '../bench/accel-1g.mjs';
import { accelS31g } from '../bench/accel-s3-1g.mjs';
import { authMe } from '../bench/auth-me.mjs';
import { decision, decisionToken } from '../bench/decision.mjs';
import { decisionCrowd } from '../bench/decision-crowd.mjs';
import { loginStorm } from '../bench/login-storm.mjs';
import { redirect } from '../bench/redirect.mjs';
import { shapedUser } from '../bench/shaped-user.mjs';
import { smallFiles } from '../bench/small-files.mjs';
import { uploadChunks5g } from '../bench/upload-chunks-5g.mjs';
import { uploadChunksS31g, uploadS31g } from '../bench/upload-s3-1g.mjs';
import { uploadTus2g } from '../bench/upload-tus-2g.mjs';
import { recordOf, tableOf } from '../bench/report.mjs';
import { runBenchmark } from '../bench/run-benchmark.mjs';
import { ensureBoto3 } from './bootstrap/boto3.mjs';
import { ensureBuild } from './bootstrap/build.mjs';
import { ensureGoTools } from './bootstrap/go-tools.mjs';
import { ensurePackages } from './bootstrap/packages.mjs';
import { continueOnPinnedNode } from './bootstrap/pinned-node.mjs';
import { ensurePrograms } from './bootstrap/programs.mjs';
import { runScript } from './process/run-script.mjs';
import { SaidError } from './process/said-error.mjs';
import { describeExit, PartFailed } from './stack/part.mjs';
import { startStack } from './stack/start-stack.mjs';

/** Every row, in the order of the table. */
const S3_ROWS = [redirect, accelS31g, uploadS31g, uploadChunksS31g];
const ROWS = [
  decision,
  decisionToken,
  decisionCrowd,
  authMe,
  smallFiles,
  loginStorm,
  accel1g,
  shapedUser,
  uploadChunks5g,
  uploadTus2g,
  ...S3_ROWS,
];

/** The application as it is delivered, whatever the caller's own environment says; but a login lasts for the whole run. */
const APPLICATION = {
  LOG_LEVEL: 'info',
  VOLUMES: undefined,
  VOLUMES_FILE: undefined,
  JWT_TTL: String(24 * 3600),
  // wrk comes from one address, and as one user.
  RATE_LIMIT_API: '1000000',
  RATE_LIMIT_LOGINS: '1000000',
  RATE_LIMIT_CHUNKS: '1000000',
  RATE_LIMIT_DOWNLOADS: '1000000000',
  DOWNLOAD_MAX_CONCURRENT: '1000000',
  TOKENS_PER_MINTER: '100000',
};

/** @returns {{ wanted: import('../bench/benchmark.js').Benchmark[], json: string | undefined }} */
function readArguments() {
  const known = ROWS.map(({ name }) => name).join(', ');
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { json: { type: 'string' } },
    });
    const unknown = positionals.filter((name) => !ROWS.some((row) => row.name === name));
    if (unknown.length > 0) throw new Error(`There is no row ${unknown.join(', ')}`);
    const wanted = ROWS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
    return { wanted, json: values.json };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new SaidError(`${said}. Usage: npm run bench -- [row…] [--json FILE]; rows: ${known}`);
  }
}

await runScript(
  async (shutdown, progress) => {
    const { wanted, json } = readArguments();
    await ensurePackages(progress, shutdown.signal);
    await continueOnPinnedNode(shutdown);
    await ensurePrograms(
      ['postgres', 'redis-server', 'nginx', 'nginx-js', 'curl', 'wrk'],
      progress,
      shutdown.signal,
    );
    if (wanted.some((row) => S3_ROWS.includes(row))) {
      await ensureGoTools(['minio'], progress, shutdown.signal);
      await ensureBoto3(progress, shutdown.signal);
    }
    await ensureBuild(progress, shutdown.signal);
    const folder = await mkdtemp(join(tmpdir(), 'download-service-bench-'));
    try {
      const stack = await startStack({
        dataDir: join(folder, 'stack'),
        durable: false,
        env: APPLICATION,
        progress,
        signal: shutdown.signal,
      });
      try {
        const broken = new AbortController();
        void stack.failed.then(async (part) => {
          const status = await part.exited;
          broken.abort(new PartFailed(part.name, describeExit(status), part.tellingLogs));
        });
        const signal = AbortSignal.any([shutdown.signal, broken.signal]);
        /** @type {import('../bench/run-benchmark.mjs').Outcome[]} */
        const outcomes = [];
        for (const row of wanted) {
          outcomes.push(
            await progress.step(row.name, () => runBenchmark(row, { stack, signal }, folder, progress)),
          );
        }
        process.stdout.write(tableOf(outcomes));
        if (json !== undefined)
          await writeFile(json, `${JSON.stringify(recordOf(outcomes, new Date()), null, 2)}\n`);
        return outcomes.every(({ verdict }) => verdict === 'recorded' || verdict === 'met') ? 0 : 1;
      } finally {
        await progress.step('stopping', () => stack.stop());
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  { interruptedIsSuccess: false },
);
