import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useWorld } from '../../harness/world.js';

describe('README', () => {
  const world = useWorld();
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'readme-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('the walk from login to a link that works once goes as it is written', async () => {
    const readme = await readFile('README.md', 'utf8');
    const walk = /^URL=[\s\S]*?(?=^```)/m.exec(readme)?.[0] ?? '';
    const script = walk
      .replace(/^URL=.*/m, `URL=${world.stack.publicUrl}`)
      .replace(/^PASSWORD=.*/m, `PASSWORD='${world.stack.admin.password}'`);
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder });
    expect(stdout.trim().split('\n')).toEqual(['identical', '200', 'identical', 'token-exhausted']);
  });
});
