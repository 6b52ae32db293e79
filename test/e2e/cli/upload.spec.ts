import { createHash, randomBytes } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileJson } from '../../harness/api.js';
import { type CliRun, useCli } from '../../harness/cli.js';
import { TcpProxy } from '../../harness/tcp-proxy.js';
import { until } from '../../harness/until.js';
import { HAS_MINIO } from '../../harness/stores.js';
import { useWorld } from '../../harness/world.js';

const MIB = 2 ** 20;
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('download-service upload', () => {
  const world = useWorld();
  const cli = useCli();
  let bytes: Buffer;
  let line: TcpProxy;
  beforeEach(async () => {
    // Content that the service has would not be sent.
    bytes = randomBytes(21 * MIB + 5);
    line = await TcpProxy.to(Number(new URL(world.stack.publicUrl).port));
    cli.env = { DOWNLOAD_SERVICE_URL: line.url, DOWNLOAD_SERVICE_TOKEN: world.owner.token ?? '' };
    await writeFile(join(cli.folder, 'a.bin'), bytes);
  });
  afterEach(() => line.refuse());

  const local = (name: string): string => join(cli.folder, name);
  const described = async (run: CliRun): Promise<FileJson> =>
    (await world.owner.send(`/api/v1/files/${run.told('id')}`)).json as FileJson;
  const expectUploaded = async (
    run: CliRun,
    value: Buffer = bytes,
    filename = 'a.bin',
  ): Promise<FileJson> => {
    expect(run.told('sha256')).toBe(sha256(value));
    const file = await described(run);
    expect(file).toMatchObject({ filename, size: value.length, sha256: sha256(value) });
    expect((await world.owner.download(file.id)).body.equals(value)).toBe(true);
    return file;
  };
  const states = (): Promise<string[]> => readdir(local('state/download-service/uploads')).catch(() => []);
  /** Starts it on a slow line and waits until some of it is there. */
  const startSlowly = async (...args: string[]): Promise<CliRun> => {
    line.set({ bandwidth: 4 * MIB });
    const run = cli.start(['upload', 'a.bin', '--parallel', '2', '--chunk-size', '2M', ...args]);
    await chunksThere(2);
    return run;
  };
  const uploadId = async (): Promise<string> => {
    const [name = ''] = (await states()).filter((one) => one.endsWith('.json'));
    const saved = await readFile(local(`state/download-service/uploads/${name}`), 'utf8');
    return (JSON.parse(saved) as { uploadId: string }).uploadId;
  };
  const received = async (): Promise<number[]> => {
    const answer = await world.owner.send(`/api/v1/uploads/${await uploadId()}`);
    return (answer.json as { received: number[] }).received;
  };
  const chunksThere = async (count: number): Promise<void> => {
    for (let round = 0; round < 500; round += 1) {
      if ((await received().catch(() => [])).length >= count) return;
      await new Promise((wait) => setTimeout(wait, 20));
    }
    throw new Error('no chunk has arrived');
  };

  it('tells the id and the SHA-256, and keeps no state when it is done', async () => {
    const run = await cli.run(['upload', 'a.bin', '--chunk-size', '2MiB', '--visibility', 'tenant']);
    expect(run.stdout).toMatch(/^id \d+\nsha256 [0-9a-f]{64}\n$/);
    expect(await expectUploaded(run)).toMatchObject({ visibility: 'tenant' });
    expect(await states()).toEqual([]);
  });

  it.each([0, 1, 2 * MIB, 2 * MIB + 1])('%i bytes', async (size) => {
    const value = randomBytes(size);
    await writeFile(local('some.bin'), value);
    await expectUploaded(await cli.run(['upload', 'some.bin', '--chunk-size', '2M']), value, 'some.bin');
  });

  it.each(['отчёт 100% "final" 🚀.bin', ' spaces  and;=', '-o', 'e\u0301', `${'ы'.repeat(125)}.bin`])(
    'a file that is called %s',
    async (filename) => {
      await writeFile(local(filename), 'some');
      await expectUploaded(await cli.run(['upload', `./${filename}`]), Buffer.from('some'), filename);
    },
  );

  it('another name and type', async () => {
    const run = await cli.run(['upload', 'a.bin', '--name', 'für dich.png', '--type', 'image/png']);
    expect(await expectUploaded(run, bytes, 'für dich.png')).toMatchObject({ contentType: 'image/png' });
  });

  it.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)(
    'ended by %s, it sends only what is missing',
    async (signal) => {
      const ended = await startSlowly();
      ended.child.kill(signal);
      expect(await ended.ended).toBe({ SIGKILL: 'SIGKILL', SIGINT: 130, SIGTERM: 143 }[signal]);
      if (signal !== 'SIGKILL') expect(ended.stderr).toContain('The same command goes on where it was.');
      const there = await received();
      expect(there.length).toBeGreaterThanOrEqual(2);

      line.heal();
      const before = await uploadId();
      line.set({ cutAfterUp: bytes.length - there.length * 2 * MIB + MIB });
      const again = await cli.run(['upload', 'a.bin', '--parallel', '2', '--chunk-size', '2M']);
      expect(again.stderr).toMatch(/a\.bin: \d+ of 11 chunks are there; its upload goes on\./);
      // Not cut: less than what is missing and a little for the headers has gone over the line.
      expect(again.stderr).not.toContain('Trying again');
      await expectUploaded(again);
      expect(before).toMatch(/^[0-9a-f-]{36}$/);
      expect(await states()).toEqual([]);
    },
  );

  it('cut off again and again, it goes on by itself', async () => {
    const run = await startSlowly();
    const waits = (): number => run.stderr.match(/Trying again/g)?.length ?? 0;
    for (let round = 0; round < 3; round += 1) {
      const before = waits();
      line.set({ cutAfterUp: 3 * MIB });
      await until(
        () => Promise.resolve(waits()),
        (count) => count > before,
        10_000,
      );
      expect(waits()).toBeGreaterThan(before);
      line.set({ cutAfterUp: Infinity });
    }
    line.heal();
    expect(await run.ended, run.stderr).toBe(0);
    await expectUploaded(run);
  });

  it('a line that is away for a while', async () => {
    const run = await startSlowly();
    await line.refuse();
    await run.says(/cannot be reached \(ECONNREFUSED\)\. Trying again in/);
    await line.accept();
    line.heal();
    expect(await run.ended, run.stderr).toBe(0);
    await expectUploaded(run);
  });

  it('and gives up when it stays away for too long, to go on later', async () => {
    const run = await startSlowly('--retry-for', '1s');
    await line.refuse();
    expect(await run.ended).toBe(1);
    await line.accept();
    line.heal();
    const again = await cli.run(['upload', 'a.bin', '--parallel', '2', '--chunk-size', '2M']);
    expect(again.stderr).toContain('its upload goes on');
    await expectUploaded(again);
  });

  it('a file that has changed since begins anew, and says so', async () => {
    const ended = await startSlowly();
    ended.child.kill('SIGKILL');
    await ended.ended;
    line.heal();
    const before = await uploadId();
    const other = randomBytes(bytes.length);
    await writeFile(local('a.bin'), other);
    await utimes(local('a.bin'), new Date(), new Date(Date.now() + 5_000));
    const again = await cli.run(['upload', 'a.bin', '--parallel', '2', '--chunk-size', '2M']);
    expect(again.stderr).toContain('a.bin has changed since its upload was begun; the upload begins anew.');
    await expectUploaded(again, other);
    expect((await world.owner.send(`/api/v1/uploads/${before}`)).status).toBe(404);
  });

  it('one that has changed and looks the same is not published as something else', async () => {
    const ended = await startSlowly();
    ended.child.kill('SIGKILL');
    await ended.ended;
    line.heal();
    const { atime, mtime } = await stat(local('a.bin'));
    const other = randomBytes(bytes.length);
    await writeFile(local('a.bin'), other);
    await utimes(local('a.bin'), atime, mtime);
    const args = ['upload', 'a.bin', '--parallel', '2', '--chunk-size', '2M'];
    const again = cli.start(args);
    const code = await again.ended;
    // Times of a file system may be finer than utimes: then the change is seen at once.
    if (code === 0) expect(again.stderr).toContain('begins anew');
    else expect(code).toBe(3);
    await expectUploaded(code === 0 ? again : await cli.run(args), other);
  });

  it('one that grows meanwhile is not published', async () => {
    const run = await startSlowly();
    const id = await uploadId();
    await appendFile(local('a.bin'), 'more');
    line.heal();
    expect(await run.ended).toBe(1);
    expect(run.stderr).toContain('has changed while it was uploaded: nothing is published');
    expect(await states()).toEqual([]);
    expect((await world.owner.send(`/api/v1/uploads/${id}`)).status).toBe(404);
  });

  it('one that shrinks meanwhile neither', async () => {
    const run = await startSlowly();
    await writeFile(local('a.bin'), 'less');
    line.heal();
    expect(await run.ended).toBe(1);
    expect(run.stderr).toContain('has changed while it was uploaded: nothing is published');
  });

  it('an upload that the service has given up begins anew', async () => {
    const ended = await startSlowly();
    ended.child.kill('SIGKILL');
    await ended.ended;
    line.heal();
    expect((await world.owner.delete(`/api/v1/uploads/${await uploadId()}`)).status).toBe(204);
    const again = await cli.run(['upload', 'a.bin', '--parallel', '2', '--chunk-size', '2M']);
    expect(again.stderr).toContain('has expired; the upload begins anew');
    await expectUploaded(again);
  });

  it('also when that happens in the middle', async () => {
    const run = await startSlowly();
    expect((await world.owner.delete(`/api/v1/uploads/${await uploadId()}`)).status).toBe(204);
    await run.says(/no longer has what was sent; the upload begins anew/);
    line.heal();
    expect(await run.ended, run.stderr).toBe(0);
    await expectUploaded(run);
  });

  it('what was completed when the client was killed is told by the next run', async () => {
    const ended = await startSlowly();
    ended.child.kill('SIGKILL');
    await ended.ended;
    line.heal();
    const id = await uploadId();
    for (let index = 0; index * 2 * MIB < bytes.length; index += 1) {
      const body = bytes.subarray(index * 2 * MIB, (index + 1) * 2 * MIB);
      await world.owner.send(`/api/v1/uploads/${id}/chunks/${index}`, {
        method: 'PUT',
        body,
        headers: { 'Content-Length': body.length },
      });
    }
    const completed = await world.owner.post(`/api/v1/uploads/${id}/complete`, {});
    expect(completed.status, completed.text).toBe(201);
    const again = await cli.run(['upload', 'a.bin', '--parallel', '2', '--chunk-size', '2M']);
    expect(again.told('id')).toBe((completed.json as FileJson).id);
    expect(await states()).toEqual([]);
  });

  it('a state that cannot be read is no state', async () => {
    const ended = await startSlowly();
    ended.child.kill('SIGKILL');
    await ended.ended;
    line.heal();
    const folder = local('state/download-service/uploads');
    const [name = ''] = await states();
    for (const wrong of ['', '{', '[]', 'null', '{"uploadId":"../../files","size":1,"mtime":"1"}']) {
      bytes = randomBytes(3 * MIB);
      await writeFile(local('a.bin'), bytes);
      await writeFile(join(folder, name), wrong);
      await expectUploaded(await cli.run(['upload', 'a.bin', '--parallel', '2', '--chunk-size', '2M']));
    }
  });

  it('the state holds no credential and is its owner’s alone', async () => {
    const ended = await startSlowly();
    ended.child.kill('SIGKILL');
    await ended.ended;
    const folder = local('state/download-service/uploads');
    for (const name of await states()) {
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
      expect(await readFile(join(folder, name), 'utf8')).not.toContain(world.owner.token);
    }
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(ended.stderr).not.toContain(world.owner.token);
  });

  describe('content that the service has is not sent', () => {
    /** Whatever the file weighs, less than this has gone to the service. */
    const LITTLE = 200_000;

    it('what the caller may read becomes a file at once', async () => {
      const { id } = await world.owner.upload(bytes);
      line.set({ cutAfterUp: LITTLE });
      const run = await cli.run(['upload', 'a.bin', '--name', 'again.bin']);
      expect(run.stderr).toBe('again.bin: the service has it; nothing is left to send.\n');
      expect(run.told('id')).not.toBe(id);
      await expectUploaded(run, bytes, 'again.bin');
    });

    it('what a colleague has is proven', async () => {
      const { id } = await world.member.upload(bytes);
      expect((await world.owner.download(id)).status).toBe(404);
      line.set({ cutAfterUp: LITTLE });
      await expectUploaded(await cli.run(['upload', 'a.bin']));
      expect(await states()).toEqual([]);
    });

    it('what another tenant has is sent', async () => {
      await world.foreign.upload(bytes);
      const run = await cli.run(['upload', 'a.bin', '--chunk-size', '2M']);
      expect(run.stderr).toContain('a.bin: 100 %');
      await expectUploaded(run);
    });
  });

  describe('refused', () => {
    it.each([
      ['a file that is not there', 'nothing.bin', /nothing\.bin cannot be read \(ENOENT\)/],
      ['a folder', 'folder', /folder is not a file/],
      ['a device', '/dev/null', /is not a file/],
    ])('%s: 1', async (_, path, message) => {
      await mkdir(local('folder'));
      expect((await cli.run(['upload', path], 1)).stderr).toMatch(message);
    });

    it('a wrong key: 1', async () => {
      const run = await cli.run(['upload', 'a.bin', '--api-key', 'dsk_wrong'], 1);
      expect(run.stderr).toContain('401 unauthenticated');
      expect(run.stderr).not.toContain('dsk_wrong');
    });

    it('a key of another scope: 1', async () => {
      const { key } = (
        await world.owner.post('/api/v1/auth/api-keys', { name: 'reader', scopes: ['files:read'] })
      ).json as { key: string };
      await writeFile(local('key'), `${key}\n`);
      const run = await cli.run(['upload', 'a.bin', '--api-key-file', 'key'], 1);
      expect(run.stderr).toContain('403 forbidden');
    });

    it('what is too large: 1, before a byte is sent', async () => {
      await writeFile(local('large.bin'), Buffer.alloc(33 * MIB));
      const run = await cli.run(['upload', 'large.bin'], 1);
      expect(run.stderr).toContain('413 payload-too-large');
    });

    it('a name that no file can have: 1, and it does nothing to the terminal', async () => {
      const run = await cli.run(['upload', 'a.bin', '--name', 'a\u001b[2Jb'], 1);
      expect(run.stderr).toContain('filename must be a file name without control characters');
      expect(run.stderr).not.toContain('\u001b');
    });

    it('a chunk size that the service refuses: 1', async () => {
      expect((await cli.run(['upload', 'a.bin', '--chunk-size', '1M'], 1)).stderr).toContain('chunkSize');
    });

    it('nobody listens there: 1, at once', async () => {
      await line.refuse();
      const run = await cli.run(['upload', 'a.bin'], 1);
      expect(run.stderr).toContain('cannot be reached (ECONNREFUSED)');
      expect(run.stderr).not.toContain('Trying again');
    });
  });
});

describe.skipIf(!HAS_MINIO)('download-service upload --direct', () => {
  const world = useWorld('accel-s3');
  const cli = useCli();
  let bytes: Buffer;
  let line: TcpProxy;
  beforeEach(async () => {
    bytes = randomBytes(11 * MIB);
    line = await TcpProxy.to(Number(new URL(world.stack.s3Url ?? '').port));
    cli.env = { DOWNLOAD_SERVICE_URL: line.url, DOWNLOAD_SERVICE_TOKEN: world.owner.token ?? '' };
    await writeFile(join(cli.folder, 'a.bin'), bytes);
  });
  afterEach(() => line.refuse());
  const expectUploaded = async (run: CliRun): Promise<void> => {
    expect(run.told('sha256')).toBe(sha256(bytes));
    expect((await world.owner.download(run.told('id'))).body.equals(bytes)).toBe(true);
  };

  it('the bytes go to the store, and not through the service', async () => {
    line.set({ cutAfterUp: 100_000 });
    const run = await cli.run(['upload', 'a.bin', '--direct']);
    expect(run.stderr).toContain('a.bin: 100 %');
    expect(run.stderr).not.toContain('Trying again');
    await expectUploaded(run);
  });

  it('killed before it is completed, it goes on', async () => {
    const args = ['upload', 'a.bin', '--direct'];
    line.set({ latency: 100 });
    const killed = cli.start(args);
    await killed.says(/a\.bin: 100 %/);
    killed.child.kill('SIGKILL');
    await killed.ended;
    line.heal();
    const run = await cli.run(args);
    expect(run.stderr).toContain('a.bin: 3 of 3 chunks are there; its upload goes on.');
    await expectUploaded(run);
  });

  it('a volume that is no object store: 1', async () => {
    cli.env = { ...cli.env, DOWNLOAD_SERVICE_URL: world.stack.publicUrl };
    const run = await cli.run(['upload', 'a.bin', '--direct'], 1);
    expect(run.stderr).toContain('422 direct-upload-unavailable');
  });
});
