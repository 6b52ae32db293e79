import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createKey, openSession, refresh, type Tokens } from '../harness/accounts.js';
import { expectProblem, patiently } from '../harness/api.js';
import { send } from '../harness/http.js';
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
    for (const entry of await readdir(join(dataDir, folder), { withFileTypes: true })) {
      if (entry.isFile() && entry.name.endsWith('.log'))
        logs.push(await readFile(join(dataDir, folder, entry.name), 'utf8'));
    }
  }
  return logs.join('\n');
}
