import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useWorld } from '../harness/world.js';

describe('secrets', () => {
  const world = useWorld();

  it('no log holds a password, an access token or a query', async () => {
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

    const secrets = {
      query,
      password,
      token: session.token ?? '',
      signature: session.token?.split('.')[2] ?? '',
      jwt: (await readFile(world.stack.jwtSecretFile, 'utf8')).trim(),
      database: new URL(world.stack.databaseUrl).password,
      redis: new URL(world.stack.redisUrl).password,
    };
    const logs: string[] = [];
    for (const folder of ['log', 'nginx']) {
      for (const entry of await readdir(join(world.stack.dataDir, folder), { withFileTypes: true })) {
        if (entry.isFile()) logs.push(await readFile(join(world.stack.dataDir, folder, entry.name), 'utf8'));
      }
    }
    const text = logs.join('\n');
    expect(text).toContain(`/download/${file.id}`);
    for (const [name, secret] of Object.entries(secrets)) {
      expect(secret.length, name).toBeGreaterThan(8);
      expect(text.includes(secret), name).toBe(false);
    }
  });

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
