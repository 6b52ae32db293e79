import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../../scripts/stack/ports.mjs';
import type { FileJson } from '../../harness/api.js';
import { useCli } from '../../harness/cli.js';
import { mint } from '../../harness/download-tokens.js';
import { TcpProxy } from '../../harness/tcp-proxy.js';
import { MODES, originOf, useWorld } from '../../harness/world.js';

const MIB = 2 ** 20;
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe.each(MODES)('download-service download (%s)', (mode) => {
  const world = useWorld(mode);
  const cli = useCli();
  const bytes = randomBytes(5 * MIB + 77);
  let file: FileJson;
  let line: TcpProxy;
  beforeAll(async () => {
    file = await world.owner.upload(bytes, { filename: 'отчёт 100% "final" 🚀.bin' });
  });
  beforeEach(async () => {
    const url = originOf(world.stack, mode);
    line = await TcpProxy.to(Number(new URL(url).port));
    cli.env = { DOWNLOAD_SERVICE_URL: url, DOWNLOAD_SERVICE_TOKEN: world.owner.token ?? '' };
  });
  afterEach(() => line.refuse());
  const saved = (name: string): Promise<Buffer> => readFile(join(cli.folder, name));
  const parts = async (): Promise<string[]> =>
    (await readdir(cli.folder)).filter((name) => /\.(part|map)$/.test(name));
  const byTheLine = (...args: string[]): string[] => ['download', file.id, '--url', line.url, ...args];

  it.each([1, 4, 16])('by %i connections', async (parallel) => {
    const run = await cli.run(['download', file.id, '--parallel', String(parallel)]);
    expect(run.told('sha256')).toBe(sha256(bytes));
    expect(run.told('file')).toBe('отчёт 100% "final" 🚀.bin');
    expect((await saved('отчёт 100% "final" 🚀.bin')).equals(bytes)).toBe(true);
    expect(await parts()).toEqual([]);
  });

  it.each([0, 1, MIB, MIB + 1])('%i bytes', async (size) => {
    const value = randomBytes(size);
    const { id } = await world.owner.upload(value, { filename: 'some.bin' });
    await cli.run(['download', id, '--parallel', '3']);
    expect((await saved('some.bin')).equals(value)).toBe(true);
  });

  it('by a link, without credentials and without a service to say', async () => {
    const { token } = await mint(world.owner, file.id, { maxDownloads: 1, filename: 'für dich.bin' });
    cli.env = {};
    await cli.run(['download', `${line.url}/download/${file.id}?token=${token}`, '--parallel', '4']);
    expect((await saved('für dich.bin')).equals(bytes)).toBe(true);
  });

  it.each([1, 4])('killed, it goes on where it was (%i connections)', async (parallel) => {
    line.set({ bandwidth: Math.floor((4 * MIB) / parallel) });
    const killed = cli.start(byTheLine('-o', 'a.bin', '--parallel', String(parallel)));
    const [part = ''] = await untilPart(3);
    killed.child.kill('SIGKILL');
    await killed.ended;

    line.heal();
    let sent = 0;
    const again = cli.start(byTheLine('-o', 'a.bin', '--parallel', String(parallel)));
    const count = setInterval(() => (sent = line.open), 5);
    expect(await again.ended, again.stderr).toBe(0);
    clearInterval(count);
    expect(sent).toBeLessThanOrEqual(parallel + 1);
    expect(again.stderr).toContain('is there in part: its download goes on');
    expect((await saved('a.bin')).equals(bytes)).toBe(true);
    expect(part).toMatch(/^a\.bin\.[0-9a-f]{16}\.part\.map$/);
    expect(await parts()).toEqual([]);
  });

  /** Waits until so many pieces are there. */
  const untilPart = async (pieces: number): Promise<string[]> => {
    for (let round = 0; round < 1_000; round += 1) {
      const maps = (await parts()).filter((name) => name.endsWith('.map'));
      const map = maps[0] === undefined ? Buffer.alloc(0) : await saved(maps[0]);
      if (map.filter((there) => there === 1).length >= pieces) return maps;
      await new Promise((wait) => setTimeout(wait, 5));
    }
    throw new Error('nothing has arrived');
  };

  it.each([1, 4])('cut off in the middle, it goes on by itself (%i connections)', async (parallel) => {
    line.set({ cutAfterDown: 3 * MIB });
    const run = cli.start(byTheLine('-o', 'a.bin', '--parallel', String(parallel)));
    await run.says(/lost|too early|cannot be reached/);
    line.heal();
    expect(await run.ended, run.stderr).toBe(0);
    expect((await saved('a.bin')).equals(bytes)).toBe(true);
  });

  it('Ctrl-C ends it with 130, and what has come stays', async () => {
    line.set({ bandwidth: 2 * MIB });
    const run = cli.start(byTheLine('-o', 'a.bin'));
    await untilPart(1);
    run.child.kill('SIGINT');
    expect(await run.ended).toBe(130);
    expect(run.stderr).toContain('The same command goes on where it was.');
    expect(await parts()).toHaveLength(2);
    line.heal();
    await cli.run(byTheLine('-o', 'a.bin'));
    expect((await saved('a.bin')).equals(bytes)).toBe(true);
  });

  it('what was damaged on the disk is found, thrown away and fetched anew', async () => {
    line.set({ bandwidth: 4 * MIB });
    const killed = cli.start(byTheLine('-o', 'a.bin'));
    const [map = ''] = await untilPart(2);
    killed.child.kill('SIGKILL');
    await killed.ended;
    line.heal();
    const part = join(cli.folder, map.replace(/\.map$/, ''));
    const damaged = await readFile(part);
    damaged.writeUInt8(damaged.readUInt8(1_000) ^ 1, 1_000);
    await writeFile(part, damaged);

    const differs = await cli.run(byTheLine('-o', 'a.bin'), 3);
    expect(differs.stderr).toContain(`instead of ${sha256(bytes)}`);
    expect(await parts()).toEqual([]);
    await expect(saved('a.bin')).rejects.toThrow('ENOENT');
    await cli.run(byTheLine('-o', 'a.bin'));
    expect((await saved('a.bin')).equals(bytes)).toBe(true);
  });

  it('what has no map, or one of another size, begins anew', async () => {
    const part = join(cli.folder, `a.bin.${sha256(bytes).slice(0, 16)}.part`);
    for (const map of [undefined, Buffer.alloc(3, 1), Buffer.alloc(99, 1)]) {
      await writeFile(part, randomBytes(5 * MIB + 77));
      if (map !== undefined) await writeFile(`${part}.map`, map);
      await cli.run(['download', file.id, '-o', 'a.bin', '--force']);
      expect((await saved('a.bin')).equals(bytes)).toBe(true);
    }
  });

  it('never replaces a file without --force', async () => {
    await writeFile(join(cli.folder, 'a.bin'), 'mine');
    const refused = await cli.run(['download', file.id, '-o', 'a.bin'], 1);
    expect(refused.stderr).toContain('a.bin is there already');
    expect(String(await saved('a.bin'))).toBe('mine');
    await cli.run(['download', file.id, '-o', 'a.bin', '--force']);
    expect((await saved('a.bin')).equals(bytes)).toBe(true);
  });

  it('nor one that has come meanwhile', async () => {
    line.set({ bandwidth: 8 * MIB });
    const run = cli.start(byTheLine('-o', 'a.bin'));
    await untilPart(1);
    await writeFile(join(cli.folder, 'a.bin'), 'mine');
    expect(await run.ended).toBe(1);
    expect(String(await saved('a.bin'))).toBe('mine');
  });

  it('into a folder, under the name that the service says', async () => {
    await mkdir(join(cli.folder, 'into'));
    await cli.run(['download', file.id, '-o', 'into']);
    expect((await saved(`into/${file.filename}`)).equals(bytes)).toBe(true);
  });

  it.each([
    ['../../escaped.bin', 'escaped.bin'],
    [`${'ы'.repeat(250)}.bin`, `${'ы'.repeat(125)}.bin`],
  ])('the name %s is saved as %s', async (filename, name) => {
    const { id } = await world.owner.upload(Buffer.from('x'), { filename });
    await cli.run(['download', id]);
    expect(String(await saved(name))).toBe('x');
  });
});

describe('download-service download, refused', () => {
  const world = useWorld();
  const cli = useCli();
  let file: FileJson;
  beforeAll(async () => {
    file = await world.owner.upload(randomBytes(1_000));
  });
  beforeEach(() => {
    cli.env = {
      DOWNLOAD_SERVICE_URL: world.stack.publicUrl,
      DOWNLOAD_SERVICE_TOKEN: world.owner.token ?? '',
    };
  });

  it('a file that is not there: 1', async () => {
    expect((await cli.run(['download', '9007199254740993'], 1)).stderr).toContain('(404)');
  });

  it('a wrong key: 1, and it is not shown', async () => {
    const key = 'dsk_wrongwrongwrongwrongwrong';
    const run = await cli.run(['download', file.id, '--api-key', key], 1);
    expect(run.stderr).toContain('401');
    expect(run.stderr).not.toContain(key);
  });

  it('nothing listens there: 1, at once', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const run = await cli.run(['download', file.id, '--url', url], 1);
    expect(run.stderr).toContain(`${url} cannot be reached (ECONNREFUSED).`);
  });

  it('another service listens there: 1', async () => {
    const other = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const run = await cli.run(['download', file.id, '--url', url], 1);
    expect(run.stderr).toContain('does not answer as a download-service does');
    other.close();
  });

  it('a URL of another origin gets no credentials', async () => {
    const seen: unknown[] = [];
    const other = createServer((request, response) => {
      seen.push(request.headers);
      response.end();
    }).listen(0, '127.0.0.1');
    await once(other, 'listening');
    await cli.run(['download', `http://127.0.0.1:${(other.address() as AddressInfo).port}/download/1`], 1);
    other.close();
    expect(seen).toHaveLength(1);
    expect(JSON.stringify(seen)).not.toMatch(/authorization|x-api-key/i);
  });

  it('a folder that is not there: 1', async () => {
    const run = await cli.run(['download', file.id, '-o', 'nowhere/a.bin'], 1);
    expect(run.stderr).toMatch(/cannot be written \(ENOENT\)/);
  });
});
