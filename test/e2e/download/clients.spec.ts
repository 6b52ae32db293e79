import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileJson } from '../../harness/api.js';
import { useWorld } from '../../harness/world.js';

const run = promisify(execFile);
const NAME = 'отчёт 100% "final".bin';

describe('the usual clients', () => {
  const world = useWorld();
  const bytes = randomBytes(24 * 1024 * 1024);
  let folder: string;
  let file: FileJson;
  let url: string;
  let authorization: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clients-'));
    await writeFile(join(folder, NAME), bytes);
    authorization = `Authorization: Bearer ${world.owner.token ?? ''}`;
    const { stdout } = await run(
      'curl',
      [
        '-sS',
        '--fail-with-body',
        '-H',
        authorization,
        '-F',
        `file=@"${NAME.replaceAll('"', '\\"')}"`,
        `${world.stack.publicUrl}/api/v1/files`,
      ],
      { cwd: folder },
    );
    file = JSON.parse(stdout) as FileJson;
    url = `${world.stack.publicUrl}/download/${file.id}`;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const expectSame = async (path: string) => {
    expect((await readFile(path)).equals(bytes)).toBe(true);
  };
  const partly = async (name: string, length: number) => {
    const path = join(folder, name);
    await writeFile(path, bytes);
    await truncate(path, length);
    return path;
  };

  it('curl uploads it under its name', () => {
    expect(file).toMatchObject({
      filename: NAME,
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
  });

  it('curl downloads it whole and by ranges', async () => {
    await run('curl', ['-sSf', '-H', authorization, '-o', join(folder, 'whole'), url]);
    await expectSame(join(folder, 'whole'));
    const { stdout } = await run('curl', ['-sSf', '-H', authorization, '-r', '1000-1999', url], {
      encoding: 'buffer',
    });
    expect(stdout.equals(bytes.subarray(1000, 2000))).toBe(true);
  });

  it('curl -C - resumes', async () => {
    const path = await partly('curl', 9_999_999);
    const { stdout } = await run('curl', [
      '-sSf',
      '-H',
      authorization,
      '-C',
      '-',
      '-o',
      path,
      '-w',
      '%{http_code} %{size_download}',
      url,
    ]);
    expect(stdout).toBe(`206 ${bytes.length - 9_999_999}`);
    await expectSame(path);
  });

  it('wget -c resumes', async () => {
    const path = await partly('wget', 12_345_678);
    const { stderr } = await run('wget', [
      '-c',
      '-nv',
      '--server-response',
      '--header',
      authorization,
      '-O',
      path,
      url,
    ]);
    expect(stderr).toContain('206 Partial Content');
    await expectSame(path);
  });

  it('wget --content-disposition keeps the name', async () => {
    await run('wget', [
      '-q',
      '--content-disposition',
      '--restrict-file-names=nocontrol',
      '--header',
      authorization,
      '-P',
      join(folder, 'named'),
      url,
    ]);
    await expectSame(join(folder, 'named', NAME));
  });

  it('aria2c -x16 takes it in segments, and resumes', async () => {
    const aria2 = (limit: string[]) =>
      run('aria2c', [
        '--no-conf',
        '--allow-overwrite=true',
        '--file-allocation=none',
        '-x16',
        '-s16',
        '-k1M',
        '--header',
        authorization,
        '-d',
        folder,
        '-o',
        'aria2',
        ...limit,
        url,
      ]);
    // Cut off in the middle, then taken up again from its control file.
    await expect(aria2(['--max-download-limit=4M', '--stop=2'])).rejects.toThrow();
    await aria2(['--continue=true']);
    await expectSame(join(folder, 'aria2'));
  });

  it('aria2c and curl find the name', async () => {
    const { stdout } = await run('curl', ['-sSfI', '-H', authorization, url]);
    expect(stdout).toContain(`filename*=UTF-8''%D0%BE%D1%82%D1%87%D1%91%D1%82%20100%25%20%22final%22.bin`);
    await run('aria2c', [
      '--no-conf',
      '--allow-overwrite=true',
      '-q',
      '--header',
      authorization,
      '-d',
      join(folder, 'aria2-named'),
      url,
    ]);
    expect(await readdir(join(folder, 'aria2-named'))).toEqual([NAME]);
    await expectSame(join(folder, 'aria2-named', NAME));
  });
});
