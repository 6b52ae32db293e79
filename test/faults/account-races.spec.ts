import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem } from '../harness/api.js';
import type { Answer } from '../harness/http.js';
import { useOwnStack } from '../harness/own-stack.js';
import { Seed, type SeededUser } from '../harness/seed.js';

const LOGIN = '/api/v1/auth/login';
const KEYS = '/api/v1/auth/api-keys';
const PASSWORD = '/api/v1/auth/password';

/** Rows that somebody else has locked, so that requests queue up behind them in the order of the test. */
class Lock {
  private constructor(private readonly client: pg.Client) {}

  static async of(databaseUrl: string, table: 'users' | 'tenants', ids: readonly string[]): Promise<Lock> {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const lock = new Lock(client);
    await client.query('BEGIN');
    await lock.take(table, ids);
    return lock;
  }

  async take(table: 'users' | 'tenants', ids: readonly string[]): Promise<void> {
    await this.client.query(`SELECT FROM ${table} WHERE id = ANY($1) ORDER BY id FOR UPDATE`, [ids]);
  }

  /** Sends a request, and comes back when it waits for a lock. */
  async queue(
    seed: Seed,
    waiting: number,
    request: () => Promise<Answer>,
  ): Promise<{ answer: Promise<Answer> }> {
    const answer = request();
    const deadline = Date.now() + 4_000;
    for (;;) {
      const [row] = await seed.query<{ count: number }>(
        `SELECT count(*)::integer AS count FROM pg_stat_activity
         WHERE wait_event_type = 'Lock' AND application_name = 'download-service'`,
      );
      // In an object: a promise itself would be waited for.
      if (row?.count === waiting) return { answer };
      if (Date.now() > deadline) throw new Error(`${row?.count ?? 0} requests wait instead of ${waiting}`);
      await sleep(10);
    }
  }

  async release(): Promise<void> {
    await this.client.query('ROLLBACK');
    await this.client.end();
  }
}

describe('requests that were allowed when they came, and waited while the right was taken', () => {
  // Within one process a user's changes come one by one already.
  const own = useOwnStack({ RATE_LIMIT_API: '1000000', RATE_LIMIT_LOGINS: '1000000' }, { replicas: 2 });
  let seed: Seed;
  let tenantId: string;

  beforeAll(async () => {
    seed = Seed.open(own.stack);
    tenantId = await seed.tenant();
  });
  afterAll(() => seed.close());

  const login = ({ email, password }: SeededUser): Promise<Api> => own.anonymous.login(email, password);
  type Ask = (origin: string) => Promise<Answer>;
  /** Both wait for the same rows, each on a replica of its own; the first goes first. */
  const inOrder = async (
    table: 'users' | 'tenants',
    ids: readonly string[],
    first: Ask,
    second: Ask,
  ): Promise<Answer[]> => {
    const [one = '', two = ''] = own.stack.appUrls;
    const lock = await Lock.of(own.stack.databaseUrl, table, ids);
    const answers: Promise<Answer>[] = [];
    try {
      answers.push((await lock.queue(seed, 1, () => first(one))).answer);
      answers.push((await lock.queue(seed, 2, () => second(two))).answer);
    } finally {
      await lock.release();
    }
    return Promise.all(answers);
  };
  const newKey =
    (api: Api): Ask =>
    (origin) =>
      api.via(origin).post(KEYS, { name: 'x', scopes: ['files:read'] });
  const liveKeys = async (userId: string): Promise<number> =>
    (await seed.query('SELECT FROM api_keys WHERE user_id = $1 AND revoked_at IS NULL', [userId])).length;

  it('an API key that is made while the password changes does not outlive it', async () => {
    const account = await seed.user(tenantId);
    const [user, thief] = [await login(account), await login(account)];
    const [changed, made] = await inOrder(
      'users',
      [account.id],
      (origin) =>
        user
          .via(origin)
          .post(PASSWORD, { currentPassword: account.password, newPassword: 'another long password' }),
      newKey(thief),
    );
    expect(changed?.status).toBe(204);
    expect(made && [made.status, await liveKeys(account.id)]).toEqual([401, 0]);
  });

  it('nor one that is made while its session ends', async () => {
    const account = await seed.user(tenantId);
    const user = await login(account);
    const [ended, made] = await inOrder(
      'users',
      [account.id],
      (origin) => user.via(origin).send('/api/v1/auth/logout', { method: 'POST' }),
      newKey(user),
    );
    expect(ended?.status).toBe(204);
    expect(made && [made.status, await liveKeys(account.id)]).toEqual([401, 0]);
  });

  it('of two who change the password with the old one only the first does', async () => {
    const account = await seed.user(tenantId);
    const [user, thief] = [await login(account), await login(account)];
    const change =
      (api: Api, newPassword: string): Ask =>
      (origin) =>
        api.via(origin).post(PASSWORD, { currentPassword: account.password, newPassword });
    const [first, second] = await inOrder(
      'users',
      [account.id],
      change(user, 'the password of its owner'),
      change(thief, 'the password of a thief'),
    );
    expect(first?.status).toBe(204);
    expect(second?.status).toBe(401);
    await login({ ...account, password: 'the password of its owner' });
  });

  it('of two operators who suspend each other’s tenant only the first does', async () => {
    const [one, two] = [await seed.tenant(), await seed.tenant()];
    const [ann, bob] = [
      await login(await seed.user(one, 'operator')),
      await login(await seed.user(two, 'operator')),
    ];
    const suspend =
      (api: Api, id: string): Ask =>
      (origin) =>
        api.via(origin).patch(`/api/v1/tenants/${id}`, { suspended: true });
    const [first, second] = await inOrder('tenants', [one, two], suspend(ann, two), suspend(bob, one));
    expect([first?.status, second?.status]).toEqual([200, 403]);
  });

  it('of an operator who disables another, and that one who suspends the tenant of the first, one does', async () => {
    const [one, two] = [await seed.tenant(), await seed.tenant()];
    const [anns, bobs] = [await seed.user(one, 'operator'), await seed.user(two, 'operator')];
    const [ann, bob] = [await login(anns), await login(bobs)];
    const disable: Ask = (origin) => ann.via(origin).patch(`/api/v1/users/${bobs.id}`, { disabled: true });
    const suspend: Ask = (origin) => bob.via(origin).patch(`/api/v1/tenants/${one}`, { suspended: true });
    const answers = await inOrder('users', [anns.id, bobs.id], disable, suspend);
    // Which of them goes first is not ours to say: they wait for other rows.
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 403]);
  });

  it('a deadlock is 503, and the same again goes through', async () => {
    const [admins, users] = [await seed.user(tenantId, 'admin'), await seed.user(tenantId)];
    const admin = await login(admins);
    const change = () => admin.patch(`/api/v1/users/${users.id}`, { disabled: true });
    const lock = await Lock.of(own.stack.databaseUrl, 'users', [users.id]);
    const { answer } = await lock.queue(seed, 1, change);
    await lock.take('users', [admins.id]);
    await lock.release();
    expectProblem(await answer, 503, 'dependency-unavailable');
    expect((await change()).status).toBe(200);
  });

  it('a change that is refused leaves nobody without a cache', async () => {
    const account = await seed.user(tenantId);
    const user = await login(account);
    expectProblem(await user.delete(`${KEYS}/999999`), 404, 'api-key-not-found');
    expect(await seed.redis.get(`version:{user:${account.id}}`)).not.toMatch(/^changing/);
  });

  it('a Redis that has lost the newest rotations does not make a thief of who has the newest token', async () => {
    const account = await seed.user(tenantId);
    const answer = await own.anonymous.post(LOGIN, { email: account.email, password: account.password });
    const tokens = [answer.json as { refreshToken: string; accessToken: string }];
    const refresh = (refreshToken = '') => own.anonymous.post('/api/v1/auth/refresh', { refreshToken });
    for (let round = 0; round < 3; round += 1) {
      const renewed = await refresh(tokens.at(-1)?.refreshToken);
      expect(renewed.status).toBe(200);
      tokens.push(renewed.json as (typeof tokens)[0]);
    }
    const key = `session:{${tokens[0]?.refreshToken.split('.')[0] ?? ''}}`;
    await seed.redis.hset(key, 'generation', 1, 'rotatedAt', Date.now() - 60_000);
    const renewed = await refresh(tokens.at(-1)?.refreshToken);
    expect(renewed.status, renewed.text).toBe(200);
    expect((renewed.json as { refreshToken: string }).refreshToken.split('.')[1]).toBe('4');
    // What was used before the loss is still void.
    expectProblem(await refresh(tokens[1]?.refreshToken), 401, 'unauthenticated');
  });

  it('Redis that runs out of memory in the middle of a login: 503', async () => {
    const account = await seed.user(tenantId);
    const name = createHash('sha256').update(account.email).digest('base64url').slice(0, 22);
    await seed.redis.set(`login-failures:{${name}}`, 20, 'EX', 60);
    const answer = own.anonymous.post(LOGIN, { email: account.email, password: account.password });
    await sleep(1_000);
    await seed.redis.config('SET', 'maxmemory', '1');
    try {
      expectProblem(await answer, 503, 'dependency-unavailable');
    } finally {
      await seed.redis.config('SET', 'maxmemory', '0');
    }
  });

  it('whoever asks for ids that are nobody’s leaves nothing in Redis for long', async () => {
    expectProblem(await own.anonymous.download('987654321'), 401, 'unauthenticated');
    expect(await seed.redis.ttl('version:{file:987654321}')).toBeLessThanOrEqual(120);
  });
});

describe('texts that PostgreSQL does not take', () => {
  const own = useOwnStack({ RATE_LIMIT_API: '1000000', RATE_LIMIT_LOGINS: '1000000' });
  // Two code points that class-validator counts as one character.
  const long = '\u2665\ufe0f';
  const password = 'correct horse battery staple';

  it.each<[string, () => Promise<Answer>]>([
    ['NUL in the address of a list', () => own.admin.send('/api/v1/users?email=%00')],
    ['NUL in the slug of a list', () => own.admin.send('/api/v1/tenants?slug=%00')],
    ['an API key’s name', () => own.admin.post(KEYS, { name: long.repeat(100), scopes: ['download'] })],
    ['a tenant’s name', () => own.admin.post('/api/v1/tenants', { name: long.repeat(255), slug: 'a' })],
    ['a tenant’s new name', () => own.admin.patch('/api/v1/tenants/1', { name: long.repeat(255) })],
    [
      'an address that grows in lower case',
      () =>
        own.admin.post('/api/v1/users', {
          email: `${'\u0130'.repeat(32)}@${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(30)}.com`,
          password,
        }),
    ],
  ])('%s: 400', async (_name, request) => {
    expectProblem(await request(), 400, 'validation-failed');
  });

  it.each([
    '/api/v1/users?__proto__=1',
    '/api/v1/users?constructor=1',
    '/api/v1/users?email[]=x',
    '/api/v1/users?limit=1&limit=2',
    '/api/v1/audit?since=0000-01-01T00:00:00Z',
    '/api/v1/audit?until=9999-12-31T23:59:59%2B23:59',
    '/api/v1/audit?cursor=%00',
    '/api/v1/files?filename=%00',
    `/api/v1/auth/sessions/${'x'.repeat(99)}`,
    '/api/v1/auth/sessions/%00',
    '/api/v1/users/9223372036854775807',
  ])('%s: no 500', async (path) => {
    const answer = await own.admin.send(path);
    expect(answer.status, answer.text).toBeLessThan(500);
    expect((await own.admin.delete(path.replace(/\?.*/, ''))).status).toBeLessThan(500);
  });

  it.each([
    ['POST', '/api/v1/tenants', { name: 'x', slug: 'x1', quotaBytes: 2 ** 53 }],
    ['POST', '/api/v1/tenants', []],
    ['POST', '/api/v1/tenants', null],
    ['POST', '/api/v1/tenants', 'x'],
    ['POST', '/api/v1/tenants', [{ name: 'x', slug: 'x3' }]],
    ['PATCH', '/api/v1/users/1', { limits: [] }],
    ['PATCH', '/api/v1/users/1', { limits: [{}] }],
    ['PATCH', '/api/v1/users/1', { limits: { constructor: 1 } }],
    ['PATCH', '/api/v1/users/1', {}],
    ['POST', LOGIN, { email: { toString: 'x' }, password: [] }],
    ['POST', LOGIN, { email: 'a'.repeat(60_000), password: 'x' }],
    ['POST', LOGIN, { email: `${'a.'.repeat(30_000)}@example.com`, password: 'x' }],
    ['POST', LOGIN, { email: 'a@example.com', password: '\ud800\0' }],
    ['POST', KEYS, { name: 'x', scopes: [null] }],
    ['POST', KEYS, { name: 'x', scopes: 'download' }],
    ['POST', KEYS, { name: 'x', scopes: { length: 1, 0: 'download' } }],
    ['POST', KEYS, { name: 'x', scopes: ['download'], expiresAt: '9999-12-31T23:59:59-23:59' }],
    ['POST', '/api/v1/auth/refresh', { refreshToken: `${'A'.repeat(22)}.999999999.${'A'.repeat(43)}` }],
  ] as const)('%s %s, body %#: no 500', async (method, path, body) => {
    const text = JSON.stringify(body);
    const since = performance.now();
    const answer = await own.admin.send(path, {
      method,
      body: text,
      headers: { 'Content-Type': 'application/json' },
    });
    expect(answer.status, answer.text).toBeLessThan(500);
    expect(performance.now() - since).toBeLessThan(1_000);
  });
});
