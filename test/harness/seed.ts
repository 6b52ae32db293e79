import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
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

/** A transaction of a test that others wait for. */
export interface HeldLock {
  /** Resolves when somebody waits for what it has locked. */
  untilWaitedFor(): Promise<void>;
  query(text: string, values: unknown[]): Promise<void>;
  /** Commits it. */
  release(): Promise<void>;
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

  /** Wrong passwords make an account wait: here those of one address are forgotten, and of no other suite. */
  async forgetLoginFailures(email: string): Promise<void> {
    await this.redis.del(loginFailuresKey(email));
  }

  /** As after so many wrong passwords. */
  async setLoginFailures(email: string, count: number): Promise<void> {
    await this.redis.set(loginFailuresKey(email), count, 'EX', 900);
  }

  async loginFailures(email: string): Promise<number> {
    return Number(await this.redis.get(loginFailuresKey(email)));
  }

  /** Seconds until they are forgotten. */
  loginFailuresLeft(email: string): Promise<number> {
    return this.redis.ttl(loginFailuresKey(email));
  }

  /** Every string that Redis holds now: values, fields and members, each with the key it is in. */
  async redisContents(): Promise<string> {
    const lines: string[] = [];
    for await (const keys of this.redis.scanStream({ count: 1_000 })) {
      for (const key of keys as string[]) lines.push(key, ...(await this.contentsOf(key)));
    }
    return lines.join('\n');
  }

  private async contentsOf(key: string): Promise<string[]> {
    switch (await this.redis.type(key)) {
      case 'string':
        return [(await this.redis.get(key)) ?? ''];
      case 'hash':
        return Object.entries(await this.redis.hgetall(key)).flat();
      case 'zset':
        return this.redis.zrange(key, 0, -1);
      case 'set':
        return this.redis.smembers(key);
      case 'list':
        return this.redis.lrange(key, 0, -1);
      case 'stream':
        return (await this.redis.xrange(key, '-', '+')).flat(2);
      default:
        return [];
    }
  }

  /**
   * What a request does that another change of the user overtakes: `request` is sent while the row is held, and `change`, of
   * which $1 is the user, is committed when it waits for the row.
   */
  async overtake<T>(userId: string, change: string, request: () => Promise<T>): Promise<T> {
    const held = await this.hold('SELECT FROM users WHERE id = $1 FOR UPDATE', [userId]);
    try {
      const answer = request();
      await held.untilWaitedFor();
      await held.query(change, [userId]);
      return await held.release().then(() => answer);
    } finally {
      await held.release();
    }
  }

  /** Keeps the lock that the query takes until it is released. */
  async hold(query: string, values: unknown[]): Promise<HeldLock> {
    const client = await this.database.connect();
    await client.query('BEGIN');
    await client.query(query, values);
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    let isReleased = false;
    return {
      untilWaitedFor: () => this.untilBlockedBy(rows[0]?.pid ?? 0),
      query: async (text, parameters) => {
        await client.query(text, parameters);
      },
      release: async () => {
        if (isReleased) return;
        isReleased = true;
        await client.query('COMMIT');
        client.release();
      },
    };
  }

  private async untilBlockedBy(pid: number): Promise<void> {
    for (let round = 0; round < 200; round += 1) {
      const waiting = await this.query(
        'SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))',
        [pid],
      );
      if (waiting.length > 0) return;
      await sleep(20);
    }
    throw new Error('nothing waits for the row');
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

  /** By the owner, or by whom it is said. */
  async grant(
    fileId: string,
    subject: { userId: string } | { role: Role },
    permission: 'download' | 'manage',
    expiresAt: Date | null = null,
    grantedBy: string | null = null,
  ): Promise<void> {
    await this.query(
      `INSERT INTO file_grants (tenant_id, file_id, user_id, role, permission, expires_at, granted_by)
       SELECT tenant_id, id, $2, $3, $4, $5, coalesce($6, owner_id) FROM files WHERE id = $1`,
      [
        fileId,
        'userId' in subject ? subject.userId : null,
        'role' in subject ? subject.role : null,
        permission,
        expiresAt,
        grantedBy,
      ],
    );
    await this.changed(`file:${fileId}`);
  }

  async expireFile(fileId: string): Promise<void> {
    await this.query(`UPDATE files SET expires_at = now() - interval '1 second' WHERE id = $1`, [fileId]);
    await this.changed(`file:${fileId}`);
  }
}

/** As `RedisLoginFailures` names it; of a normalised address. */
function loginFailuresKey(email: string): string {
  return `login-failures:{${createHash('sha256').update(email).digest('base64url').slice(0, 22)}}`;
}
