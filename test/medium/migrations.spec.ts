import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/stack/ports.mjs';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';
import { Api, expectProblem } from '../harness/api.js';

const run = promisify(execFile);

/** Real: PostgreSQL, Redis, the built programs. */
describe('migrations', () => {
  let dataDir: string;
  let stack: Stack;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'download-service-migrations-'));
    stack = await startStack({ dataDir, durable: false, parts: ['postgres', 'redis'] });
    env = {
      ...process.env,
      DATABASE_URL: stack.databaseUrl,
      REDIS_URL: stack.redisUrl,
      JWT_SECRET: 'k9'.repeat(16),
      LOG_LEVEL: 'warn',
    };
  });
  afterAll(async () => {
    await stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const migrate = async (account: Record<string, string> = {}) => {
    const { stdout } = await run(process.execPath, ['dist/src/migrate.js'], { env: { ...env, ...account } });
    return JSON.parse(stdout) as { applied: string[]; firstAccount: string };
  };

  it('a replica without its schema is not ready, and becomes ready without a restart; several runs at once apply each migration once', async () => {
    const port = await freePort();
    const app = spawn(process.execPath, ['dist/src/main.js'], {
      env: { ...env, PORT: String(port) },
      stdio: 'ignore',
    });
    try {
      const api = new Api(`http://127.0.0.1:${port}`);
      let answer;
      for (let round = 0; round < 100 && answer === undefined; round += 1) {
        await sleep(100);
        answer = await api.send('/health/ready').catch(() => undefined);
      }
      expectProblem(answer ?? (await api.send('/health/ready')), 503, 'not-ready');
      expect((await api.send('/health/live')).status).toBe(200);

      const account = { ADMIN_EMAIL: 'a@example.com', ADMIN_INITIAL_PASSWORD: 'first light' };
      const outcomes = await Promise.all([migrate(account), migrate(account), migrate(account)]);
      const applied = outcomes.flatMap((outcome) => outcome.applied);
      expect(applied.length).toBeGreaterThan(0);
      expect(new Set(applied).size).toBe(applied.length);
      expect(outcomes.map(({ firstAccount }) => firstAccount).toSorted()).toEqual([
        'created',
        'exists',
        'exists',
      ]);
      expect((await api.send('/health/ready')).status).toBe(200);
    } finally {
      app.kill('SIGKILL');
      await once(app, 'exit');
    }
  });

  it('a later release’s migration does not make this one unready', async () => {
    const database = new pg.Client({ connectionString: stack.databaseUrl });
    await database.connect();
    await database.query(
      `INSERT INTO migrations (timestamp, name) VALUES (9999999999999, 'Later9999999999999')`,
    );
    const port = await freePort();
    const app = spawn(process.execPath, ['dist/src/main.js'], {
      env: { ...env, PORT: String(port) },
      stdio: 'ignore',
    });
    try {
      let status = 0;
      for (let round = 0; round < 100 && status !== 200; round += 1) {
        await sleep(100);
        status = await new Api(`http://127.0.0.1:${port}`).send('/health/ready').then(
          (answer) => answer.status,
          () => 0,
        );
      }
      expect(status).toBe(200);
    } finally {
      app.kill('SIGKILL');
      await once(app, 'exit');
      await database.query(`DELETE FROM migrations WHERE name = 'Later9999999999999'`);
      await database.end();
    }
  });

  it('no row can point into another tenant, whatever a query forgets', async () => {
    const database = new pg.Client({ connectionString: stack.databaseUrl });
    await database.connect();
    try {
      await database.query(`INSERT INTO tenants (slug, name) VALUES ('a', 'A'), ('b', 'B')`);
      await database.query(
        `INSERT INTO users (tenant_id, email, password_hash, role)
         SELECT id, slug || '@tenants.example.com', 'x', 'user' FROM tenants WHERE slug IN ('a', 'b')`,
      );
      await database.query(
        `INSERT INTO blobs (tenant_id, sha256, crc32, size, volume, storage_path)
         SELECT id, repeat('0', 64), 0, 0, 'local', slug FROM tenants WHERE slug IN ('a', 'b')`,
      );
      const insert = (tenant: string, blob: string, owner: string) =>
        database.query(
          `INSERT INTO files (tenant_id, filename, content_type, blob_id, owner_id, visibility)
           SELECT t.id, 'x', 'x/x', b.id, u.id, 'private'
           FROM tenants t, tenants bt JOIN blobs b ON b.tenant_id = bt.id, tenants ut JOIN users u ON u.tenant_id = ut.id
           WHERE t.slug = $1 AND bt.slug = $2 AND ut.slug = $3`,
          [tenant, blob, owner],
        );
      await expect(insert('a', 'b', 'a')).rejects.toThrow('foreign key');
      await expect(insert('a', 'a', 'b')).rejects.toThrow('foreign key');
      expect((await insert('a', 'a', 'a')).rowCount).toBe(1);
    } finally {
      await database.end();
    }
  });

  it('TypeORM’s command line knows them all through ormconfig', async () => {
    const { stdout } = await run('node_modules/.bin/typeorm', ['-d', 'dist/ormconfig.js', 'migration:show'], {
      env,
    }).catch((error: unknown) => error as { stdout: string });
    expect(stdout).toMatch(/\[X\].*Accounts/);
    expect(stdout).not.toContain('[ ]');
  });
});
