import { randomBytes } from 'node:crypto';
import { hash } from '@node-rs/argon2';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { Role } from '../../src/modules/auth/index.js';

export interface SeededUser {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly tenantId: string;
}

/** Writes to the database what has no route yet, or what a test must not go through a route for. */
export class Seed {
  private constructor(
    private readonly database: pg.Pool,
    readonly redis: Redis,
  ) {}

  static open({ databaseUrl, redisUrl }: { databaseUrl: string; redisUrl: string }): Seed {
    const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
    // Suites stop the server under its idle connections.
    pool.on('error', () => undefined);
    const redis = new Redis(redisUrl, { lazyConnect: true });
    redis.on('error', () => undefined);
    return new Seed(pool, redis);
  }

  async close(): Promise<void> {
    this.redis.disconnect();
    await this.database.end();
  }

  /** What was written past the service is known to it from now on, as after a change of its own. */
  async changed(subject: `${'user' | 'tenant' | 'file'}:${string}`): Promise<void> {
    await this.redis.del(`version:{${subject}}`);
  }

  /** Wrong passwords make an account wait: here they are forgotten. */
  async forgetLoginFailures(): Promise<void> {
    const keys = await this.redis.keys('login-failures:*');
    if (keys.length > 0) await this.redis.del(keys);
  }

  async query<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.database.query<T>(text, values)).rows;
  }

  /** Keeps everybody else from writing to the table until it is released. */
  async lock(table: string): Promise<{ release(): Promise<void> }> {
    const client = await this.database.connect();
    await client.query(`BEGIN; LOCK TABLE ${table} IN EXCLUSIVE MODE`);
    return {
      release: async () => {
        await client.query('COMMIT');
        client.release();
      },
    };
  }

  async tenant(): Promise<string> {
    const slug = `t-${randomBytes(6).toString('hex')}`;
    const [row] = await this.query<{ id: string }>(
      'INSERT INTO tenants (slug, name) VALUES ($1, $1) RETURNING id',
      [slug],
    );
    return row?.id ?? '';
  }

  async defaultTenant(): Promise<string> {
    const [row] = await this.query<{ id: string }>(`SELECT id FROM tenants WHERE slug = 'default'`);
    return row?.id ?? '';
  }

  async user(tenantId: string, role: Role = 'user'): Promise<SeededUser> {
    const email = `${randomBytes(8).toString('hex')}@example.com`;
    const password = randomBytes(12).toString('base64url');
    // Cheap parameters: the cost of a real hash is measured elsewhere.
    const passwordHash = await hash(password, { memoryCost: 64, timeCost: 1 });
    const [row] = await this.query<{ id: string }>(
      'INSERT INTO users (tenant_id, email, password_hash, role) VALUES ($1, $2, $3, $4) RETURNING id',
      [tenantId, email, passwordHash, role],
    );
    return { id: row?.id ?? '', email, password, tenantId };
  }

  async grant(
    fileId: string,
    subject: { userId: string } | { role: Role },
    permission: 'download' | 'manage',
    expiresAt: Date | null = null,
  ): Promise<void> {
    await this.query(
      `INSERT INTO file_grants (tenant_id, file_id, user_id, role, permission, expires_at, granted_by)
       SELECT tenant_id, id, $2, $3, $4, $5, owner_id FROM files WHERE id = $1`,
      [
        fileId,
        'userId' in subject ? subject.userId : null,
        'role' in subject ? subject.role : null,
        permission,
        expiresAt,
      ],
    );
    await this.changed(`file:${fileId}`);
  }

  async expireFile(fileId: string): Promise<void> {
    await this.query(`UPDATE files SET expires_at = now() - interval '1 second' WHERE id = $1`, [fileId]);
    await this.changed(`file:${fileId}`);
  }
}
