import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem, type FileJson } from '../../harness/api.js';
import { mint as mintToken, type TokenJson } from '../../harness/download-tokens.js';
import { recordAtRest } from '../../harness/downloads.js';
import type { Answer } from '../../harness/http.js';
import { SlowDownload } from '../../harness/slow-download.js';
import { type Mode, MODES, originOf, useWorld } from '../../harness/world.js';

const run = promisify(execFile);

describe.each(MODES)('GET /download/:fileId?token= (%s)', (mode: Mode) => {
  const world = useWorld(mode);
  const bytes = randomBytes(6 * 2 ** 20);
  let file: FileJson;
  let origin: string;
  let folder: string;

  beforeAll(async () => {
    origin = originOf(world.stack, mode);
    file = await world.owner.upload(bytes, { filename: 'a.bin' });
    folder = await mkdtemp(join(tmpdir(), 'redeem-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const mint = (facts: object = {}, api: Api = world.owner, id = file.id): Promise<TokenJson> =>
    mintToken(api, id, facts);
  const redeem = (
    { token }: Pick<TokenJson, 'token'>,
    headers: Record<string, string> = {},
    method = 'GET',
    id = file.id,
  ): Promise<Answer> => world.anonymous.send(`/download/${id}?token=${token}`, { headers, method });
  const pathOf = ({ token }: TokenJson): string => `/download/${file.id}?token=${token}`;

  it('opens a private file to somebody without an account, under the name that was chosen', async () => {
    const token = await mint({ filename: 'für dich.bin' });
    const answer = await redeem(token);
    expect(answer.status).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
    expect(answer.headers['content-disposition']).toContain("filename*=UTF-8''f%C3%BCr%20dich.bin");
    expect(answer.headers['cache-control']).toBe('private, no-cache');
    expect(answer.headers['x-download-id']).toMatch(/^\d{2}[\w-]{22}$/);
  });

  it('unknown, malformed, revoked, expired, of another file: all look alike', async () => {
    const other = await world.owner.upload(randomBytes(10));
    const revoked = await mint();
    expect((await world.owner.delete(`/api/v1/tokens/${revoked.id}`)).status).toBe(204);
    const short = await mint({ expiresIn: 1 });
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const documents = [];
    for (const answer of [
      await redeem({ token: `dlt_${randomBytes(32).toString('base64url')}` }),
      await redeem({ token: 'x' }),
      await redeem({ token: '' }),
      await redeem(revoked),
      await redeem(short),
      await redeem(await mint({}, world.owner, other.id)),
      await redeem(await mint(), {}, 'GET', '9000000000000000000'),
    ]) {
      expectProblem(answer, 403, 'token-invalid');
      documents.push({ ...(answer.json as object), instance: '', requestId: '' });
    }
    for (const document of documents) expect(document).toEqual(documents[0]);
  });

  it('with other credentials, or twice: nobody can tell which is meant', async () => {
    const { token } = await mint();
    for (const [path, headers] of [
      [`/download/${file.id}?token=${token}`, { Authorization: `Bearer ${world.owner.token ?? ''}` }],
      [`/download/${file.id}?token=${token}`, { 'X-API-Key': 'x' }],
      [`/download/${file.id}?token=${token}&token=${token}`, {}],
    ] as const) {
      expectProblem(await world.anonymous.send(path, { headers }), 400, 'validation-failed');
    }
  });

  it('on every other route it is nothing', async () => {
    const { token } = await mint();
    for (const path of [`/api/v1/files/${file.id}`, `/api/v1/files/${file.id}/tokens`, '/api/v1/auth/me']) {
      expectProblem(await world.anonymous.send(`${path}?token=${token}`), 401, 'unauthenticated');
    }
    expectProblem(await world.anonymous.as(token).download(file.id), 401, 'unauthenticated');
    expectProblem(await world.anonymous.withKey(token).download(file.id), 401, 'unauthenticated');
  });

  it('from other networks than it allows: ip-not-allowed, whatever the client says of itself', async () => {
    const elsewhere = await mint({ allowedIps: ['203.0.113.0/24', '2001:db8::/32'] });
    expectProblem(await redeem(elsewhere), 403, 'ip-not-allowed');
    if (mode !== 'stream') {
      for (const headers of [{ 'X-Forwarded-For': '203.0.113.7' }, { Forwarded: 'for=203.0.113.7' }]) {
        expectProblem(await redeem(elsewhere, headers), 403, 'ip-not-allowed');
      }
    }
    for (const allowedIps of [['127.0.0.0/8'], ['::ffff:127.0.0.1'], ['203.0.113.0/24', '127.0.0.1']]) {
      expect((await redeem(await mint({ allowedIps }))).status).toBe(200);
    }
  });

  it('a one-time link: previewed by HEAD, prefetch and probes, downloaded, interrupted, resumed, and then used up', async () => {
    const token = await mint({ maxDownloads: 1 });
    for (let round = 0; round < 3; round += 1) {
      const head = await redeem(token, {}, 'HEAD');
      expect(head.status).toBe(200);
      expect(head.headers['content-length']).toBe(String(bytes.length));
      for (const headers of [
        { 'Sec-Purpose': 'prefetch' },
        { 'Sec-Purpose': 'prefetch;prerender' },
        { Purpose: 'prefetch' },
      ]) {
        expectProblem(await redeem(token, headers), 403, 'prefetch-refused');
      }
      for (const range of ['bytes=0-0', 'bytes=0-1']) {
        const probe = await redeem(token, { Range: range });
        expect(probe.status).toBe(206);
        expect(probe.headers['content-range']).toMatch(/^bytes 0-[01]\/6291456$/);
      }
      expect((await redeem(token, { 'If-None-Match': `"${file.sha256}"` })).status).toBe(304);
    }

    const begun = await SlowDownload.begin(`${origin}${pathOf(token)}`);
    expect(begun.status).toBe(200);
    const first = await begun.read(1_000_000);
    begun.cut();
    // Somebody else, who was sent the same link.
    expectProblem(await redeem(token, { 'User-Agent': 'another' }), 403, 'token-exhausted');
    expect((await redeem(token, { 'User-Agent': 'another' }, 'HEAD')).status).toBe(403);
    expectProblem(
      await redeem(token, { 'User-Agent': 'another', Range: 'bytes=5-' }),
      403,
      'token-exhausted',
    );
    const rest = await redeem(token, {
      Range: `bytes=${first.length}-`,
      'If-Range': `"${file.sha256}"`,
      Cookie: begun.cookie,
    });
    expect(rest.status).toBe(206);
    expect(Buffer.concat([first, rest.body]).equals(bytes)).toBe(true);
    expect(rest.headers['x-download-id']).toBe(begun.downloadId);
    expect(await recordAtRest(world.seed, begun.downloadId)).toMatchObject({
      state: 'COMPLETED',
      ranges: `0-${bytes.length - 1}`,
    });
    expectProblem(await redeem(token, { Cookie: begun.cookie }), 403, 'token-exhausted');
    expectProblem(await redeem(token), 403, 'token-exhausted');
  });

  it('its client may begin again by its cookie, and go on without one from the same address and program', async () => {
    const token = await mint({ maxDownloads: 1 });
    const begun = await SlowDownload.begin(`${origin}${pathOf(token)}`, { 'User-Agent': 'mine' });
    begun.cut();
    await recordAtRest(world.seed, begun.downloadId);
    const again = await SlowDownload.begin(`${origin}${pathOf(token)}`, { Cookie: begun.cookie });
    expect([again.status, again.downloadId]).toEqual([200, begun.downloadId]);
    again.cut();
    const on = await redeem(token, { 'User-Agent': 'mine', Range: 'bytes=6000000-' });
    expect([on.status, on.headers['x-download-id']]).toEqual([206, begun.downloadId]);
    const strict = await mint({ maxDownloads: 1, resume: 'cookie' });
    const first = await SlowDownload.begin(`${origin}${pathOf(strict)}`, { 'User-Agent': 'mine' });
    first.cut();
    expectProblem(
      await redeem(strict, { 'User-Agent': 'mine', Range: 'bytes=6000000-' }),
      403,
      'token-exhausted',
    );
    expect((await redeem(strict, { Cookie: first.cookie, Range: 'bytes=6000000-' })).status).toBe(206);
  });

  it('50 at once on a one-time token: one download', async () => {
    for (let round = 0; round < 5; round += 1) {
      const token = await mint({ maxDownloads: 1 });
      const begun = await Promise.all(
        Array.from({ length: 50 }, () => SlowDownload.begin(`${origin}${pathOf(token)}`)),
      );
      const statuses = begun.map(({ status }) => status).toSorted();
      for (const one of begun) one.cut();
      expect(statuses).toEqual([200, ...Array<number>(49).fill(403)]);
    }
  });

  it('dies with its minter’s right, and is there again with it', async () => {
    const manager = world.memberAccount;
    const grant = await world.owner.post(`/api/v1/files/${file.id}/grants`, {
      userId: manager.id,
      permission: 'manage',
    });
    expect(grant.status, grant.text).toBe(201);
    const token = await mint({}, world.member);
    expect((await redeem(token, {}, 'HEAD')).status).toBe(200);
    const { id } = grant.json as { id: string };
    expect((await world.owner.delete(`/api/v1/files/${file.id}/grants/${id}`)).status).toBe(204);
    expectProblem(await redeem(token), 403, 'token-invalid');
    const user = `/api/v1/users/${manager.id}`;
    const other = await world.member.upload(randomBytes(100));
    const own = await mint({}, world.member, other.id);
    const ask = () => redeem(own, {}, 'GET', other.id);
    expect((await ask()).status).toBe(200);
    expect((await world.admin.patch(user, { disabled: true })).status).toBe(200);
    expectProblem(await ask(), 403, 'token-invalid');
    expect((await world.admin.patch(user, { disabled: false })).status).toBe(200);
    expect((await ask()).status).toBe(200);
  });

  it('of a file that is deleted: gone', async () => {
    const other = await world.owner.upload(randomBytes(100));
    const token = await mint({}, world.owner, other.id);
    expect((await world.owner.delete(`/api/v1/files/${other.id}`)).status).toBe(204);
    expectProblem(await redeem(token, {}, 'GET', other.id), 410, 'file-gone');
  });

  it('no more at once than it allows', async () => {
    const token = await mint({ maxConcurrent: 2 });
    const begin = () => SlowDownload.begin(`${origin}${pathOf(token)}`);
    const running = [await begin(), await begin()];
    expect(running.map(({ status }) => status)).toEqual([200, 200]);
    expectProblem(await redeem(token), 429, 'too-many-downloads');
    running[0]?.cut();
    expect((await redeem(token)).status).toBe(200);
    running[1]?.cut();
  });

  describe('the usual clients', () => {
    const fetched = async (name: string): Promise<boolean> =>
      (await readFile(join(folder, name))).equals(bytes);

    it('curl, and curl -C - on what it has begun', async () => {
      const token = await mint({ maxDownloads: 1 });
      const url = `${origin}${pathOf(token)}`;
      const path = join(folder, `curl-${mode}`);
      await run('sh', ['-c', `curl -sS '${url}' | head -c 1000000 > '${path}'`]);
      await run('curl', ['-sSf', '-C', '-', '-o', path, url]);
      expect(await fetched(`curl-${mode}`)).toBe(true);
    });

    it('wget', async () => {
      const token = await mint({ maxDownloads: 1 });
      await run('wget', ['-q', '-O', join(folder, `wget-${mode}`), `${origin}${pathOf(token)}`]);
      expect(await fetched(`wget-${mode}`)).toBe(true);
    });

    it('aria2c -x16: one use, one download', async () => {
      const token = await mint({ maxDownloads: 1, maxConcurrent: 1 });
      const name = `aria2-${mode}`;
      await run('aria2c', [
        ...['-q', '-x16', '-s16', '-k1M', '--no-conf', '-d', folder, '-o', name],
        `${origin}${pathOf(token)}`,
      ]);
      expect(await fetched(name)).toBe(true);
      const { items } = (await world.owner.send(`/api/v1/files/${file.id}/tokens`)).json as {
        items: { id: string; used: number }[];
      };
      expect(items.find(({ id }) => id === token.id)?.used).toBe(1);
    });
  });
});
