import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource, type EntityManager } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';
import type { UploadConfig } from '../../src/common/config/config.js';
import { dataSourceOptions } from '../../src/common/database/index.js';
import { Problem } from '../../src/common/problems/index.js';
import { migrations } from '../../src/migrations/index.js';
import type { Role, UserPrincipal } from '../../src/modules/auth/index.js';
import { FilePublisher, PendingObjects, StorageQuota } from '../../src/modules/file-meta/index.js';
import { objectKey } from '../../src/modules/storage/index.js';
import { expectUsageIsRight } from '../harness/storage-usage.js';

const UNLIMITED = {
  maxSize: 2 ** 40,
  chunkSize: 5 * 2 ** 20,
  sessionTtl: 86_400,
  maxSessions: 10_000,
  maxInFlight: 2 ** 49,
  userQuota: 0,
  allowedTypes: [],
  deniedTypes: [],
} satisfies UploadConfig;

/** Real: PostgreSQL, TypeORM. No objects are written. */
describe('what is stored, as it is counted', () => {
  let dataDir: string;
  let stack: Stack;
  let database: DataSource;
  let tenantId: string;
  let user: UserPrincipal;

  const connect = (known: typeof migrations) =>
    new DataSource({
      ...dataSourceOptions({ url: stack.databaseUrl }),
      // Many wait for each other here, on purpose.
      connectTimeoutMS: 30_000,
      migrations: [...known],
    }).initialize();
  const one = async (query: string, values: unknown[] = []): Promise<string> => {
    const result = await database.query<{ id: string }[] | [{ id: string }[], number]>(query, values);
    const [row] = (Array.isArray(result[0]) ? result[0] : result) as { id: string }[];
    return row?.id ?? '';
  };
  const newTenant = (quota: number | null = null) =>
    one('INSERT INTO tenants (slug, name, quota_bytes) VALUES ($1, $1, $2) RETURNING id', [
      `t-${randomBytes(6).toString('hex')}`,
      quota,
    ]);
  const newUser = async (
    tenant: string,
    role: Role = 'user',
    limits: object = {},
  ): Promise<UserPrincipal> => {
    const email = `${randomBytes(6).toString('hex')}@example.com`;
    const [row] = await database.query<{ id: string; uid: string }[]>(
      `INSERT INTO users (tenant_id, email, role, limits) VALUES ($1, $2, $3, $4) RETURNING id, uid`,
      [tenant, email, role, JSON.stringify(limits)],
    );
    const { id: userId = '', uid: userUid = '' } = row ?? {};
    const credential = { kind: 'oidc', issuer: 'x' } as const;
    return { kind: 'user', userId, userUid, tenantId: tenant, role, email, limits, credential };
  };
  /** @returns its id */
  const insertSession = (
    manager: EntityManager | DataSource,
    { tenantId: tenant, userId }: UserPrincipal,
    size: number,
  ) =>
    manager
      .query<{ id: string }[]>(
        `INSERT INTO upload_sessions (tenant_id, owner_id, protocol, filename, content_type, visibility, size, chunk_size,
           volume, storage_path, expires_at)
         VALUES ($1, $2, 'chunks', 'a', 'text/plain', 'private', $3, 5242880, 'local', $4, now() + interval '1 day') RETURNING id`,
        [tenant, userId, size, `${tenant}/aa/${randomBytes(15).toString('hex')}`],
      )
      .then(([row]) => row?.id ?? '');
  const insertFile = async (
    manager: EntityManager | DataSource,
    { tenantId: tenant, userId }: UserPrincipal,
    size: number,
  ) => {
    const [blob] = await manager.query<{ id: string }[]>(
      `INSERT INTO blobs (tenant_id, sha256, crc32, size, volume, storage_path) VALUES ($1, $2, 0, $3, 'local', $4) RETURNING id`,
      [tenant, randomBytes(32).toString('hex'), size, `${tenant}/aa/${randomBytes(15).toString('hex')}`],
    );
    const [file] = await manager.query<{ id: string }[]>(
      `INSERT INTO files (tenant_id, filename, content_type, blob_id, owner_id, visibility)
       VALUES ($1, 'a', 'text/plain', $2, $3, 'private') RETURNING id`,
      [tenant, blob?.id, userId],
    );
    return file?.id ?? '';
  };
  const reserve = (quota: StorageQuota, owner: UserPrincipal, size: number) =>
    database.transaction(async (transaction) => {
      await quota.reserve(transaction, owner, size);
      return insertSession(transaction, owner, size);
    });
  const quotaOf = (config: Partial<UploadConfig> = {}) =>
    new StorageQuota(database, { ...UNLIMITED, ...config });
  const usage = async ({ tenantId: tenant, userId }: UserPrincipal) => {
    const rows = await database.query<{ of: string; used: string; reserved: string; sessions: number }[]>(
      `SELECT CASE WHEN owner_id IS NULL THEN 'tenant' ELSE 'user' END AS of, used_bytes AS used, reserved_bytes AS reserved,
         open_sessions AS sessions
       FROM storage_usage WHERE tenant_id = $1 AND (owner_id IS NULL OR owner_id = $2) ORDER BY owner_id NULLS FIRST`,
      [tenant, userId],
    );
    return rows.map(({ of, used, reserved, sessions }) => [of, Number(used), Number(reserved), sessions]);
  };
  const both = (used: number, reserved: number, sessions: number) => [
    ['tenant', used, reserved, sessions],
    ['user', used, reserved, sessions],
  ];
  const codeOf = async (work: Promise<unknown>): Promise<string> => {
    const error = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error === undefined) return 'ok';
    if (error instanceof Problem) return `${error.kind.status} ${error.kind.code}`;
    throw new Error('no problem that a caller is told', { cause: error });
  };
  const expectRight = (...tenants: string[]) =>
    expectUsageIsRight({ query: (text, values) => database.query(text, values) }, tenants);

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'download-service-usage-'));
    stack = await startStack({ dataDir, durable: false, parts: ['postgres'] });
    // As it was in the release before, with what its users had.
    const before = migrations.findIndex(({ name }) => name.startsWith('StorageUsage'));
    database = await connect(migrations.slice(0, before));
    await database.runMigrations();
    tenantId = await newTenant();
    user = await newUser(tenantId);
    const deleted = await insertFile(database, user, 1_000);
    await database.query('UPDATE files SET deleted_at = now() WHERE id = $1', [deleted]);
    await insertFile(database, user, 20);
    await insertFile(database, user, 3);
    await insertFile(database, await newUser(tenantId), 4);
    await insertSession(database, user, 500);
    await database.query(`UPDATE upload_sessions SET status = 'failed', failure = 'x' WHERE id = $1`, [
      await insertSession(database, user, 7_000),
    ]);
    await database.destroy();
    database = await connect(migrations);
    await database.runMigrations();
  });
  afterAll(async () => {
    await database.destroy();
    await stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('the migration counts what is there, also nothing', async () => {
    expect(await usage(user)).toEqual([
      ['tenant', 27, 500, 1],
      ['user', 23, 500, 1],
    ]);
    expect(await expectRight(tenantId)).toBe(3);
    const [rows] = await database.query<{ count: string }[]>(
      `SELECT count(*) FROM tenants t WHERE NOT EXISTS (SELECT FROM storage_usage s WHERE s.tenant_id = t.id AND s.owner_id IS NULL)`,
    );
    expect(rows?.count).toBe('0');
  });

  describe('every way in and out', () => {
    beforeEach(async () => {
      user = await newUser(await newTenant());
    });

    it('a file: published, renamed, deleted, brought back, without its content, removed', async () => {
      const id = await insertFile(database, user, 40);
      const change = (set: string) => database.query(`UPDATE files SET ${set} WHERE id = $1`, [id]);
      expect(await usage(user)).toEqual(both(40, 0, 0));
      await change(`filename = 'b', updated_at = now()`);
      expect(await usage(user)).toEqual(both(40, 0, 0));
      await change('deleted_at = now()');
      expect(await usage(user)).toEqual(both(0, 0, 0));
      await change(`deleted_at = now() + interval '1 second'`);
      expect(await usage(user)).toEqual(both(0, 0, 0));
      await change('deleted_at = NULL');
      expect(await usage(user)).toEqual(both(40, 0, 0));
      await database.query('DELETE FROM files WHERE id = $1', [id]);
      expect(await usage(user)).toEqual(both(0, 0, 0));
    });

    it('a file that gets another owner or another content', async () => {
      const other = await newUser(user.tenantId);
      const [id, larger] = [await insertFile(database, user, 40), await insertFile(database, other, 100)];
      await database.query(
        'UPDATE files SET owner_id = $2, blob_id = (SELECT blob_id FROM files WHERE id = $3) WHERE id = $1',
        [id, other.userId, larger],
      );
      expect(await usage(other)).toEqual([
        ['tenant', 200, 0, 0],
        ['user', 200, 0, 0],
      ]);
      await expectRight(user.tenantId);
    });

    it.each(['completed', 'failed', 'deleted'] as const)(
      'a session that is %s, after it was verified',
      async (end) => {
        const id = await reserve(quotaOf(), user, 60);
        expect(await usage(user)).toEqual(both(0, 60, 1));
        await database.query(
          `UPDATE upload_sessions SET received = 60, expires_at = now(), status = 'verifying' WHERE id = $1`,
          [id],
        );
        expect(await usage(user)).toEqual(both(0, 60, 1));
        if (end === 'completed') {
          const fileId = await insertFile(database, user, 60);
          await database.query(
            `UPDATE upload_sessions SET status = 'completed', file_id = $2 WHERE id = $1`,
            [id, fileId],
          );
          expect(await usage(user)).toEqual(both(60, 0, 0));
          await database.query('DELETE FROM upload_sessions WHERE id = $1', [id]);
          expect(await usage(user)).toEqual(both(60, 0, 0));
        } else {
          await database.query(
            end === 'failed'
              ? `UPDATE upload_sessions SET status = 'failed', failure = 'x' WHERE id = $1`
              : 'DELETE FROM upload_sessions WHERE id = $1',
            [id],
          );
          expect(await usage(user)).toEqual(both(0, 0, 0));
        }
      },
    );

    it('nothing of what is rolled back', async () => {
      const attempt = database.transaction(async (transaction) => {
        await insertFile(transaction, user, 9);
        await insertSession(transaction, user, 9);
        throw new Error('changed my mind');
      });
      await expect(attempt).rejects.toThrow('changed my mind');
      expect(await usage(user)).toEqual(both(0, 0, 0));
    });
  });

  describe('reserve', () => {
    it('of 60 at once for 1,000 bytes, exactly as many get in as fit the quota of the user', async () => {
      const quota = quotaOf({ userQuota: 7_999 });
      user = await newUser(await newTenant());
      await insertFile(database, user, 1_000);
      const codes = await Promise.all(Array.from({ length: 60 }, () => codeOf(reserve(quota, user, 1_000))));
      expect(codes.filter((code) => code === 'ok')).toHaveLength(6);
      expect(codes.filter((code) => code === '507 quota-exceeded')).toHaveLength(54);
      expect(await usage(user)).toEqual(both(1_000, 6_000, 6));
    });

    it('of many users at once, exactly as many as fit the quota of their tenant', async () => {
      const tenant = await newTenant(10_000);
      const users = await Promise.all(Array.from({ length: 8 }, () => newUser(tenant)));
      const codes = await Promise.all(
        users.flatMap((owner) => Array.from({ length: 5 }, () => codeOf(reserve(quotaOf(), owner, 1_000)))),
      );
      expect(codes.filter((code) => code === 'ok')).toHaveLength(10);
      await expectRight(tenant);
    });

    it('a user’s own quota counts instead of the installation’s, and is read when it is needed', async () => {
      const quota = quotaOf({ userQuota: 100 });
      user = await newUser(await newTenant(), 'user', { quotaBytes: 1_000 });
      expect(await codeOf(reserve(quota, user, 1_000))).toBe('ok');
      await database.query(`UPDATE users SET limits = '{"quotaBytes": 1001}' WHERE id = $1`, [user.userId]);
      expect(await codeOf(reserve(quota, user, 1))).toBe('ok');
      expect(await codeOf(reserve(quota, user, 1))).toBe('507 quota-exceeded');
    });

    it('of 40 at once, no more than UPLOAD_MAX_SESSIONS; one that has ended makes room', async () => {
      const quota = quotaOf({ maxSessions: 4 });
      user = await newUser(await newTenant());
      const codes = await Promise.all(Array.from({ length: 40 }, () => codeOf(reserve(quota, user, 1))));
      expect(codes.filter((code) => code === 'ok')).toHaveLength(4);
      expect(codes.filter((code) => code === '429 too-many-uploads')).toHaveLength(36);
      await database.query(
        `DELETE FROM upload_sessions WHERE id = (SELECT min(id) FROM upload_sessions WHERE owner_id = $1)`,
        [user.userId],
      );
      expect(await codeOf(reserve(quota, user, 1))).toBe('ok');
      // Others have their own.
      expect(await codeOf(reserve(quota, await newUser(user.tenantId), 1))).toBe('ok');
    });

    it('no more than UPLOAD_MAX_IN_FLIGHT together; 413 for what is more by itself', async () => {
      const quota = quotaOf({ maxInFlight: 10_000 });
      user = await newUser(await newTenant());
      expect(await codeOf(reserve(quota, user, 10_001))).toBe('413 payload-too-large');
      const codes = await Promise.all(Array.from({ length: 30 }, () => codeOf(reserve(quota, user, 3_000))));
      expect(codes.filter((code) => code === 'ok')).toHaveLength(3);
      expect(await codeOf(reserve(quota, user, 1_000))).toBe('ok');
      expect(await codeOf(reserve(quota, user, 1))).toBe('429 too-many-uploads');
      expect(await codeOf(reserve(quota, user, 0))).toBe('ok');
    });
  });

  it('a storm of publications, deletions, sessions and sweeps: no deadlock, never above a quota, and right at the end', async () => {
    const tenants = [await newTenant(60_000), await newTenant(60_000)];
    const users = await Promise.all(
      Array.from({ length: 6 }, (_, at) =>
        newUser(tenants[at % 2] ?? '', 'user', at < 2 ? { quotaBytes: 20_000 } : {}),
      ),
    );
    const quota = quotaOf();
    const pending = new PendingObjects(database, undefined as never);
    const publisher = new FilePublisher(pending, quota);
    // Few, so that some publish the same content.
    const hashes = Array.from({ length: 12 }, () => randomBytes(32).toString('hex'));
    const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;
    const publish = async (owner: UserPrincipal): Promise<void> => {
      const at = Math.floor(Math.random() * hashes.length);
      const key = objectKey(`${owner.tenantId}/aa/${randomBytes(15).toString('hex')}`);
      const place = { volume: 'local', objectKey: key };
      await pending.begin(database.manager, owner.tenantId, place);
      await publisher.publish({
        owner,
        filename: 'a',
        contentType: 'text/plain',
        visibility: 'private',
        content: { ...place, sha256: hashes[at] ?? '', crc32: 0, size: 100 * (at + 1), storeTag: undefined },
      });
    };
    const complete = (owner: UserPrincipal): Promise<void> =>
      database.transaction(async (transaction) => {
        const [session] = await transaction.query<{ id: string; size: string }[]>(
          `SELECT id, size FROM upload_sessions WHERE owner_id = $1 AND status = 'uploading' LIMIT 1 FOR UPDATE SKIP LOCKED`,
          [owner.userId],
        );
        if (session === undefined) return;
        const fileId = await insertFile(transaction, owner, Number(session.size));
        await transaction.query(
          `UPDATE upload_sessions SET status = 'completed', file_id = $2 WHERE id = $1`,
          [session.id, fileId],
        );
      });
    const remove = (owner: UserPrincipal): Promise<unknown> =>
      database.transaction(async (transaction) => {
        const [file] = await transaction.query<{ id: string }[]>(
          `SELECT id FROM files WHERE owner_id = $1 AND deleted_at IS NULL ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED`,
          [owner.userId],
        );
        await transaction.query(`UPDATE files SET deleted_at = now() WHERE id = $1`, [file?.id ?? null]);
      });
    const abort = (owner: UserPrincipal): Promise<unknown> =>
      database.query(
        `DELETE FROM upload_sessions WHERE id IN
           (SELECT id FROM upload_sessions WHERE owner_id = $1 ORDER BY random() LIMIT 2 FOR UPDATE SKIP LOCKED)`,
        [owner.userId],
      );
    /** Of all tenants in one statement, by one at a time. */
    const sweep = (): Promise<unknown> =>
      database.query(
        `DELETE FROM upload_sessions WHERE id IN
           (SELECT id FROM upload_sessions ORDER BY random() LIMIT 5 FOR UPDATE SKIP LOCKED)`,
      );
    const steps = [
      publish,
      publish,
      (owner: UserPrincipal) => reserve(quota, owner, Math.floor(Math.random() * 2_000)),
      complete,
      remove,
      abort,
    ];
    const end = new AbortController();
    const outcomes = new Map<string, number>();
    const count = (code: string) => outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
    const workers = Array.from({ length: 14 }, async () => {
      for (let round = 0; round < 120; round += 1) count(await codeOf(pick(steps)(pick(users))));
    });
    const sweeper = (async () => {
      while (!end.signal.aborted) await sweep();
    })();
    const watcher = (async () => {
      while (!end.signal.aborted) {
        const above = await database.query<unknown[]>(
          `SELECT s.* FROM storage_usage s JOIN tenants t ON t.id = s.tenant_id
           LEFT JOIN users u ON u.id = s.owner_id
           WHERE s.used_bytes + s.reserved_bytes >
             CASE WHEN s.owner_id IS NULL THEN t.quota_bytes ELSE (u.limits->>'quotaBytes')::bigint END`,
        );
        expect(above).toEqual([]);
      }
    })();
    await Promise.all(workers).finally(() => {
      end.abort();
    });
    await Promise.all([sweeper, watcher]);
    // The storm has reached the quotas, or it would show little.
    expect(outcomes.get('507 quota-exceeded') ?? 0).toBeGreaterThan(20);
    expect(outcomes.get('ok') ?? 0).toBeGreaterThan(300);
    expect([...outcomes.keys()].toSorted()).toEqual(['507 quota-exceeded', 'ok']);
    await expectRight(...tenants);
  }, 120_000);
});
