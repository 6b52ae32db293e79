import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';
import { Api } from '../harness/api.js';
import { ADMIN, useOwnStack } from '../harness/own-stack.js';

/** SQL of docs/audit.md, as it is printed there. */
function sqlOf(heading: string): string {
  const text = readFileSync('docs/audit.md', 'utf8');
  const section = text.slice(text.indexOf(`## ${heading}`));
  return /```sql\n(.*?)```/s.exec(section)?.[1] ?? '';
}

/** Real: PostgreSQL, Redis, nginx, the built application. */
describe('the table audit_log', () => {
  const own = useOwnStack();
  let owner: pg.Client;

  beforeAll(async () => {
    owner = new pg.Client({ connectionString: own.stack.databaseUrl });
    await owner.connect();
  });
  afterAll(() => owner.end());

  const count = async (where = 'true') => {
    const { rows } = await owner.query<{ count: number }>(
      `SELECT count(*)::integer AS count FROM audit_log WHERE ${where}`,
    );
    return rows[0]?.count ?? 0;
  };

  it.each([
    `UPDATE audit_log SET outcome = 'ok'`,
    `UPDATE audit_log SET outcome = 'ok' WHERE false`,
    'DELETE FROM audit_log',
    'TRUNCATE audit_log',
    'TRUNCATE audit_log, users CASCADE',
    `INSERT INTO audit_log (id, action, outcome) OVERRIDING SYSTEM VALUE
     SELECT id, action, outcome FROM audit_log ON CONFLICT (id) DO UPDATE SET outcome = 'ok'`,
  ])('refuses even its owner: %s', async (sql) => {
    const before = await count();
    expect(before).toBeGreaterThan(0);
    await expect(owner.query(sql)).rejects.toMatchObject({
      code: '42501',
      message: 'audit_log is append-only',
    });
    expect(await count()).toBe(before);
  });

  it('docs/audit.md: the owner removes what is old, and the table is append-only again', async () => {
    await owner.query(
      `INSERT INTO audit_log (at, action, outcome) SELECT now() - interval '2 years', 'login', 'ok' FROM generate_series(1, 50)`,
    );
    const before = await count();
    await owner.query(sqlOf('Retention'));
    expect(await count()).toBe(before - 50);
    await expect(owner.query('DELETE FROM audit_log')).rejects.toMatchObject({ code: '42501' });
  });

  describe('docs/audit.md: a role of the application’s own', () => {
    const password = randomBytes(12).toString('hex');
    let restricted: Stack;
    let databaseUrl: string;

    beforeAll(async () => {
      await owner.query(sqlOf('A role of its own').replace(/PASSWORD '[^']*'/, `PASSWORD '${password}'`));
      const url = new URL(own.stack.databaseUrl);
      url.username = 'download_app';
      url.password = password;
      databaseUrl = url.href;
      restricted = await startStack({
        dataDir: join(own.stack.dataDir, 'restricted'),
        parts: ['app'],
        databaseUrl,
        redisUrl: own.stack.redisUrl,
        admin: ADMIN,
        env: { VOLUMES: own.stack.env.VOLUMES, JWT_SECRET_FILE: own.stack.env.JWT_SECRET_FILE },
      });
    });
    afterAll(() => restricted.stop());

    it('it may add and read, and nothing else', async () => {
      const client = new pg.Client({ connectionString: databaseUrl });
      await client.connect();
      try {
        await client.query(`INSERT INTO audit_log (action, outcome) VALUES ('login', 'ok')`);
        expect((await client.query('SELECT FROM audit_log')).rowCount).toBeGreaterThan(0);
        for (const sql of [
          `UPDATE audit_log SET outcome = 'ok'`,
          'DELETE FROM audit_log',
          'TRUNCATE audit_log',
          'SELECT FROM audit_log FOR UPDATE',
          'ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only',
          'DROP TRIGGER audit_log_append_only ON audit_log',
          'DROP FUNCTION audit_log_is_append_only() CASCADE',
          'DROP TABLE audit_log',
          'CREATE TABLE other ()',
          `DELETE FROM migrations`,
        ]) {
          await expect(client.query(sql), sql).rejects.toMatchObject({ code: '42501' });
        }
      } finally {
        await client.end();
      }
    });

    it('the application works with it, and is ready', async () => {
      const anonymous = new Api(restricted.appUrl);
      expect((await anonymous.send('/health/ready')).status).toBe(200);
      const admin = await anonymous.login(ADMIN.email, ADMIN.password);
      const bytes = randomBytes(1_000);
      const file = await admin.upload(bytes);
      expect((await admin.patch(`/api/v1/files/${file.id}`, { filename: 'b' })).status).toBe(200);
      const statuses = [];
      const tenant = await admin.post('/api/v1/tenants', { name: 'A', slug: 'a' });
      const user = await admin.post('/api/v1/users', {
        email: 'ann@example.com',
        password: 'first light in november',
      });
      const id = (user.json as { id: string }).id;
      const key = await admin.post('/api/v1/auth/api-keys', { name: 'k', scopes: ['files:read'] });
      statuses.push(tenant.status, user.status, key.status);
      const text = (key.json as { key: string }).key;
      statuses.push((await anonymous.withKey(text).send(`/api/v1/files/${file.id}`)).status);
      statuses.push((await admin.patch(`/api/v1/users/${id}`, { role: 'admin' })).status);
      statuses.push((await admin.delete(`/api/v1/users/${id}`)).status);
      statuses.push((await admin.delete(`/api/v1/files/${file.id}`)).status);
      statuses.push((await admin.send('/api/v1/audit?action=user.delete')).status);
      statuses.push((await admin.send('/api/v1/auth/logout', { method: 'POST' })).status);
      expect(statuses).toEqual([201, 201, 201, 200, 200, 204, 204, 200, 204]);
      expect(
        await count(`action IN ('user.create', 'user.change', 'user.delete') AND object_id = '${id}'`),
      ).toBe(3);
    });
  });
});
