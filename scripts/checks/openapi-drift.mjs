import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuild } from '../bootstrap/build.mjs';
import { ROOT } from '../bootstrap/checkout.mjs';
import { runChild } from '../process/child-processes.mjs';

/**
 * Whether the checked-in openapi.json is what the code says today.
 * @type {import('./run-checks.mjs').Check}
 */
export async function checkOpenApi(progress, signal) {
  await ensureBuild(progress, signal);
  const folder = await mkdtemp(join(tmpdir(), 'download-service-openapi-'));
  try {
    const fresh = join(folder, 'openapi.json');
    const args = [join(ROOT, 'dist/src/openapi.js'), fresh];
    const { code, output } = await runChild(process.execPath, args, { cwd: ROOT, signal });
    if (code !== 0) return { ok: false, output };
    const committed = await readFile(join(ROOT, 'openapi.json'), 'utf8').catch(() => '');
    if (committed === (await readFile(fresh, 'utf8'))) return { ok: true, output: '' };
    const diff = await runChild('diff', ['-u', join(ROOT, 'openapi.json'), fresh], { cwd: ROOT, signal });
    const lines = diff.output.split('\n').slice(0, 40).join('\n');
    return { ok: false, output: `${lines}\n\nopenapi.json is not what the code says: run npm run openapi` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
