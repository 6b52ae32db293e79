import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createKey, openSession, refresh, type Tokens } from '../harness/accounts.js';
import { expectProblem, patiently } from '../harness/api.js';
import { mint } from '../harness/download-tokens.js';
import { type Request, send } from '../harness/http.js';
import { SlowDownload } from '../harness/slow-download.js';
import { HAS_MINIO } from '../harness/stores.js';
import { useWorld } from '../harness/world.js';

describe('secrets', () => {
  const world = useWorld();

  it('no log holds a password, a token, a key or a query', async () => {
    const file = await world.owner.upload(randomBytes(100));
    const query = `token=${randomBytes(16).toString('hex')}`;
    const { email, password } = world.ownerAccount;
    const session = await world.anonymous.login(email, password);
    await session.send(`/download/${file.id}?${query}`);
    await session.send(`/nowhere?${query}`);
    await session.send(`/%zz?${query}`);
    await session.send(`/download/x?${query}`);
    await session.via(world.stack.appUrl).send(`/%zz?${query}`);
    await world.anonymous.post('/api/v1/auth/login', { email, password: `${password}x` });
    await world.anonymous.post('/api/v1/auth/login', { email, password, extra: password });
    await world.anonymous.send('/api/v1/auth/login', {
      method: 'POST',
      body: `{"password":"${password}"`,
      headers: { 'Content-Type': 'application/json' },
    });

    const { tokens, key, passwords } = await useEverySecret();
    const secrets = {
      query,
      password,
      ...Object.fromEntries(passwords.map((text, at) => [`password ${at}`, text])),
      ...Object.fromEntries(tokens.map((text, at) => [`token ${at}`, text])),
      ...Object.fromEntries(tokens.map((text, at) => [`signature ${at}`, text.split('.').at(-1) ?? ''])),
      key,
      'secret of the key': key.slice('dsk_0123456789_'.length),
      token: session.token ?? '',
      signature: session.token?.split('.')[2] ?? '',
      jwt: (await readFile(world.stack.jwtSecretFile, 'utf8')).trim(),
      database: new URL(world.stack.databaseUrl).password,
      redis: new URL(world.stack.redisUrl).password,
    };
    const text = await logsOf(world.stack.dataDir);
    expect(text).toContain(`/download/${file.id}`);
    for (const [name, secret] of Object.entries(secrets)) {
      expect(secret.length, name).toBeGreaterThan(8);
      expect(text.includes(secret), name).toBe(false);
    }
  });

  it('a link, the cookie of a download and a JWT by /download are in no log, no table, no key of Redis and no problem', async () => {
    const file = await world.owner.upload(randomBytes(2_000));
    const jwt = world.owner.token ?? '';
    const told: string[] = [];
    const secrets: Record<string, string> = { 'a JWT': jwt, 'a signature': jwt.split('.').at(-1) ?? '' };
    for (const [way, origin] of [
      ['nginx', world.stack.publicUrl],
      ['stream', world.stack.streamUrl],
      ['past nginx', world.stack.appUrl],
    ] as const) {
      const { token } = await mint(world.owner, file.id, { maxDownloads: 1, filename: 'for you.bin' });
      const { token: narrow } = await mint(world.owner, file.id, { allowedIps: ['203.0.113.7'] });
      const anonymous = world.anonymous.via(origin);
      const begun = await SlowDownload.begin(`${origin}/download/${file.id}?token=${token}`);
      expect(begun.status).toBe(200);
      begun.cut();
      const cookie = begun.cookie.replace(/^dl=/, '');
      Object.assign(secrets, {
        [`a token by ${way}`]: token.slice(4),
        [`a narrow token by ${way}`]: narrow.slice(4),
        [`a cookie by ${way}`]: cookie,
      });
      const ask = async (path: string, request: Request = {}): Promise<void> => {
        const { status, text, headers } = await anonymous.send(path, request);
        if (status >= 400) told.push(text, JSON.stringify(headers));
      };
      const url = (text: string): string => `/download/${file.id}?token=${text}`;
      const headers = { Cookie: begun.cookie, Referer: origin + url(token) };
      await ask(url(token), { headers: { ...headers, Range: 'bytes=5-' } });
      await ask(url(token), { headers: { Range: 'bytes=5000-' } });
      await ask(url(token), { headers: { 'User-Agent': 'another' } });
      await ask(url(token), { headers: { 'Sec-Purpose': 'prefetch' } });
      await ask(url(token), { headers: { Authorization: `Bearer ${jwt}` } });
      await ask(`${url(token)}&token=${token}`);
      await ask(`/download/1?token=${token}`);
      await ask(`/download/%zz?token=${token}`);
      await ask(`/api/v1/files?token=${token}`);
      await ask(url(token), { method: 'POST', body: token });
      await ask(url(narrow));
      await ask(`/download/${file.id}`, { headers: { Authorization: `Bearer ${token}` } });
      await ask(`/download/${file.id}`, { headers: { Authorization: `Bearer ${jwt}x` } });
      await ask(`/download/${file.id}?jwt=${jwt}`, { headers });
      expect((await world.owner.via(origin).download(file.id)).status).toBe(200);
    }
    expect(told.length).toBeGreaterThan(30);
    const tables = await world.seed.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
    );
    const rows = await Promise.all(
      tables.map(({ name }) =>
        world.seed.query<{ text: string | null }>(`SELECT string_agg(t::text, '|') AS text FROM ${name} t`),
      ),
    );
    const places = {
      'the logs': await logsOf(world.stack.dataDir),
      'the logs of the application by itself': await logsOf(join(world.stack.dataDir, 'streaming')),
      PostgreSQL: rows
        .flat()
        .map(({ text }) => text ?? '')
        .join('|'),
      Redis: await world.seed.redisContents(),
      'the problems': told.join('|'),
    };
    expect(places['the logs']).toContain(`/download/${file.id}`);
    expect(places['the logs of the application by itself']).toContain(`/download/${file.id}`);
    for (const [place, text] of Object.entries(places)) {
      for (const [name, secret] of Object.entries(secrets)) {
        expect(secret.length, name).toBeGreaterThan(20);
        expect(text.includes(secret), `${name} in ${place}`).toBe(false);
      }
    }
  });

  it.skipIf(!HAS_MINIO)(
    "no log holds a presigned URL or the store's key, whatever the store says",
    async () => {
      const inStore = world.owner.via(world.stack.s3Url ?? '');
      const file = await inStore.upload(randomBytes(100));
      const { headers } = await world.owner.download(file.id);
      const { origin, pathname, search } = new URL(headers.location ?? '');
      expect((await send(origin, pathname + search)).status).toBe(200);
      expect((await inStore.download(file.id)).status).toBe(200);
      await world.owner.send(`/_store/s3${pathname}${search}`);
      await world.owner.send(`/download/${file.id}${search}`);
      await world.seed.query(
        `UPDATE blobs SET storage_path = overlay(storage_path PLACING '0000' FROM length(storage_path) - 3)
       WHERE id = (SELECT blob_id FROM files WHERE id = $1)`,
        [file.id],
      );
      await world.seed.changed(`file:${file.id}`);
      expectProblem(await inStore.download(file.id), 502, 'content-missing');
      const text = (
        await Promise.all([logsOf(world.stack.dataDir), logsOf(join(world.stack.dataDir, 's3'))])
      ).join();
      const key = (await readFile(join(world.stack.dataDir, 'secrets/minio-password'), 'utf8')).trim();
      expect(text).toContain(`/download/${file.id}`);
      for (const secret of ['X-Amz-Signature', 'X-Amz-Credential', key])
        expect(text.includes(secret), secret).toBe(false);
    },
  );

  /** Everything that is handed out, used rightly and wrongly, on each way in. */
  async function useEverySecret() {
    const { email, password, id } = await world.seed.user(world.tenantId);
    const first = await openSession(world.anonymous, { email, password });
    const renewed = await refresh(world.anonymous, first.refreshToken);
    const second = renewed.json as Tokens;
    const api = world.anonymous.as(second.accessToken);
    const { key } = await createKey(api);
    const forged = `${second.refreshToken.slice(0, -6)}forged`;
    const passwords = Array.from({ length: 4 }, () => randomBytes(12).toString('base64url'));
    const [next = '', wrong = '', reset = '', created = ''] = passwords;
    const change = (currentPassword: string, newPassword: string) =>
      patiently(() => api.post('/api/v1/auth/password', { currentPassword, newPassword }));

    for (const origin of [world.stack.publicUrl, world.stack.appUrl]) {
      const byKey = world.anonymous.withKey(key).via(origin);
      expect((await byKey.send('/api/v1/files')).status).toBe(200);
      await byKey.send('/api/v1/auth/me');
      await byKey.send(`/api/v1/files?key=${key}`);
      await byKey.send('/%zz');
      await world.anonymous.via(origin).as(key).send('/api/v1/files');
      await refresh(world.anonymous.via(origin), forged);
      await refresh(world.anonymous.via(origin), [second.refreshToken]);
      await world.anonymous
        .via(origin)
        .post(`/api/v1/auth/refresh?refreshToken=${second.refreshToken}`, { refresh: second.refreshToken });
      await world.anonymous.via(origin).send('/api/v1/auth/refresh', {
        method: 'POST',
        body: `{"refreshToken":"${second.refreshToken}"`,
        headers: { 'Content-Type': 'application/json' },
      });
    }
    expect((await change(wrong, next)).status).toBe(403);
    expect((await change(password, 'short')).status).toBe(400);
    expect((await change(password, next)).status).toBe(204);
    const path = `/api/v1/users/${id}`;
    expect((await patiently(() => world.admin.patch(path, { password: reset }))).status).toBe(200);
    await world.admin.patch(path, { password: reset, extra: reset });
    const user = { email: `${randomBytes(8).toString('hex')}@example.com`, password: created };
    expect((await patiently(() => world.admin.post('/api/v1/users', user))).status).toBe(201);
    expect((await patiently(() => world.admin.post('/api/v1/users', user))).status).toBe(409);
    const tokens = [first, second].flatMap(({ accessToken, refreshToken }) => [accessToken, refreshToken]);
    return { tokens: [...tokens, forged], key, passwords: [password, ...passwords] };
  }

  it('what is kept on disk is for its owner only', async () => {
    for (const entry of await readdir(join(world.stack.dataDir, 'secrets'))) {
      expect((await stat(join(world.stack.dataDir, 'secrets', entry))).mode & 0o077, entry).toBe(0);
    }
  });

  it('passwords are kept as argon2id with the parameters of OWASP', async () => {
    const [row] = await world.seed.query<{ password_hash: string }>(
      'SELECT password_hash FROM users WHERE email = $1',
      [world.stack.admin.email],
    );
    expect(row?.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });
});

/** Everything that the parts of a stack have written to their logs. */
async function logsOf(dataDir: string): Promise<string> {
  const logs: string[] = [];
  for (const folder of ['log', 'nginx']) {
    for (const entry of await entriesOf(join(dataDir, folder))) {
      if (entry.isFile() && entry.name.endsWith('.log'))
        logs.push(await readFile(join(dataDir, folder, entry.name), 'utf8'));
    }
  }
  return logs.join('\n');
}

/** Of a folder; none where a stack has no such part. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
