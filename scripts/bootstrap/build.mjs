import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../process/child-processes.mjs';
import { withLock } from '../process/lock.mjs';
import { SaidError } from '../process/said-error.mjs';
import { CACHE, ROOT } from './checkout.mjs';

/** Holds the hash of the sources that dist/ was made from. Inside dist/, so that it goes when dist/ goes. */
const STAMP = join(ROOT, 'dist/.made-from-sources');

/**
 * @param {string} folder
 * @returns {string[]} files below it, relative to the checkout
 */
function filesBelow(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

/** @returns {string} SHA-256 over the names and contents of everything that a build reads */
function hashOfSources() {
  const top = readdirSync(ROOT).filter((name) =>
    /^(?:ormconfig\.ts|tsconfig.*\.json|nest-cli\.json|package-lock\.json)$/.test(name),
  );
  const hash = createHash('sha256');
  for (const path of [...filesBelow('src'), ...top].sort()) {
    const content = readFileSync(join(ROOT, path));
    hash.update(`${path}\0${String(content.length)}\0`).update(content);
  }
  return hash.digest('hex');
}

/**
 * @param {string} hash
 * @returns {boolean}
 */
function isFresh(hash) {
  if (!existsSync(join(ROOT, 'dist/src/main.js'))) return false;
  try {
    return readFileSync(STAMP, 'utf8') === hash;
  } catch {
    return false;
  }
}

/**
 * Compiles src/ to dist/ when dist/ is not made from these very sources. One at a time in a checkout: a build
 * empties dist/ first.
 * @param {import('../process/progress.mjs').StepReporter} progress
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export async function ensureBuild(progress, signal) {
  // A failure is reported once, by whoever waits for the build; hashing may fail already (no src/).
  await Promise.resolve();
  if (isFresh(hashOfSources())) return;
  await progress.step('build', () =>
    withLock(
      join(CACHE, 'build.lock'),
      {
        signal,
        onWait: ({ pid }) => {
          progress.line(`  process ${String(pid)} builds just now: waiting for it`);
        },
      },
      async () => {
        const hash = hashOfSources();
        if (isFresh(hash)) return;
        const nest = join(ROOT, 'node_modules/@nestjs/cli/bin/nest.js');
        const result = await runChild(process.execPath, [nest, 'build'], { cwd: ROOT, signal });
        if (result.code !== 0)
          throw new SaidError(`${result.output.trim()}\n\nThe build failed (npm run build).`);
        writeFileSync(STAMP, hash);
      },
    ),
  );
}
