import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem } from '../harness/api.js';
import type { Answer } from '../harness/http.js';
import { useOwnStack } from '../harness/own-stack.js';
import { RedisCopy } from '../harness/redis-copy.js';
import { RevocationWays } from '../harness/revocation-ways.js';
import { Seed, type SeededUser } from '../harness/seed.js';

const ME = '/api/v1/auth/me';

/** A client that stops reading at the first bytes until it is told to go on. */
class Slow {
  private readonly first = Promise.withResolvers<undefined>();
  private readonly resume = Promise.withResolvers<undefined>();
  readonly begun = this.first.promise;

  goOn(): void {
    this.resume.resolve(undefined);
  }

  async get(origin: string, path: string, token: string): Promise<Buffer> {
    const outgoing = request(`${origin}${path}`, { headers: { Authorization: `Bearer ${token}` } }).end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect(incoming.statusCode).toBe(200);
    this.first.resolve(undefined);
    await this.resume.promise;
    return buffer(incoming);
  }
}

/** RULES 3: gone at the next request, on every replica, for good. */
describe('revocation on two replicas', () => {
  const own = useOwnStack({ RATE_LIMIT_API: '1000000', RATE_LIMIT_LOGINS: '1000000' }, { replicas: 2 });
  let seed: Seed;
  let tenantId: string;

  beforeAll(async () => {
    seed = Seed.open(own.stack);
    tenantId = await seed.tenant();
  });
  afterAll(() => seed.close());

  const replica = (index: number): string => own.stack.appUrls[index % 2] ?? '';
  const admin = (index: number): Api => own.admin.via(replica(index));
  const login = (account: SeededUser, index = 0): Promise<Api> =>
    own.anonymous.via(replica(index)).login(account.email, account.password);
  const someone = async (): Promise<{ account: SeededUser; user: Api }> => {
    const account = await seed.user(tenantId);
    return { account, user: await login(account) };
  };
  /** Both replicas have decided and keep what they decided on. */
  const warm = async (ask: (index: number) => Promise<Answer>): Promise<void> => {
    for (let index = 0; index < 4; index += 1) expect((await ask(index)).status).toBe(200);
  };

  /** @returns the id of the grant */
  const give = async (by: Api, fileId: string, to: SeededUser, permission: string): Promise<string> => {
    const answer = await by.post(`/api/v1/files/${fileId}/grants`, { userId: to.id, permission });
    expect(answer.status, answer.text).toBe(201);
    return (answer.json as { id: string }).id;
  };

  interface Way {
    readonly name: string;
    /** What both replicas keep, how it is revoked, and what the next request is answered. */
    readonly prepare: () => Promise<{
      readonly ask: (index: number) => Promise<Answer>;
      readonly revoke: (index: number) => Promise<Answer>;
      readonly refused: readonly [status: number, code: string];
    }>;
  }

  const unauthenticated = [401, 'unauthenticated'] as const;
  const askMe = (user: Api) => (index: number) => user.via(replica(index)).send(ME);

  const WAYS: readonly Way[] = [
    {
      name: 'a session, by logging out',
      prepare: async () => {
        const { user } = await someone();
        return {
          ask: askMe(user),
          revoke: (index) => user.via(replica(index)).send('/api/v1/auth/logout', { method: 'POST' }),
          refused: unauthenticated,
        };
      },
    },
    {
      name: 'all sessions, by another of them',
      prepare: async () => {
        const { account, user } = await someone();
        const other = await login(account, 1);
        return {
          ask: askMe(user),
          revoke: (index) => other.via(replica(index)).delete('/api/v1/auth/sessions'),
          refused: unauthenticated,
        };
      },
    },
    {
      name: 'a user, by an admin',
      prepare: async () => {
        const { account, user } = await someone();
        return {
          ask: askMe(user),
          revoke: (index) => admin(index).patch(`/api/v1/users/${account.id}`, { disabled: true }),
          refused: unauthenticated,
        };
      },
    },
    {
      name: 'an API key',
      prepare: async () => {
        const { user } = await someone();
        const made = await user.post('/api/v1/auth/api-keys', { name: 'x', scopes: ['files:read'] });
        const { id, key } = made.json as { id: string; key: string };
        return {
          ask: (index) => own.anonymous.withKey(key).via(replica(index)).send('/api/v1/files'),
          revoke: (index) => user.via(replica(index)).delete(`/api/v1/auth/api-keys/${id}`),
          refused: unauthenticated,
        };
      },
    },
    {
      name: 'a tenant',
      prepare: async () => {
        const own = await seed.tenant();
        const user = await login(await seed.user(own));
        return {
          ask: askMe(user),
          revoke: (index) => admin(index).patch(`/api/v1/tenants/${own}`, { suspended: true }),
          refused: unauthenticated,
        };
      },
    },
    {
      name: 'a file, by deleting it',
      prepare: async () => {
        const { user } = await someone();
        const { id } = await user.upload(randomBytes(10));
        return {
          ask: (index) => user.via(replica(index)).download(id, { Range: 'bytes=0-3' }),
          revoke: (index) => user.via(replica(index)).delete(`/api/v1/files/${id}`),
          refused: [410, 'file-gone'],
        };
      },
    },
    {
      name: 'the visibility of a file',
      prepare: async () => {
        const { user } = await someone();
        const { user: reader } = await someone();
        const { id } = await user.upload(randomBytes(10), { visibility: 'tenant' });
        return {
          ask: (index) => reader.via(replica(index)).send(`/api/v1/files/${id}`),
          revoke: (index) => user.via(replica(index)).patch(`/api/v1/files/${id}`, { visibility: 'private' }),
          refused: [404, 'file-not-found'],
        };
      },
    },
    {
      name: 'a grant, by revoking it',
      prepare: async () => {
        const { user } = await someone();
        const { account, user: reader } = await someone();
        const { id } = await user.upload(randomBytes(10));
        const grantId = await give(user, id, account, 'download');
        return {
          ask: (index) => reader.via(replica(index)).send(`/api/v1/files/${id}`),
          revoke: (index) => user.via(replica(index)).delete(`/api/v1/files/${id}/grants/${grantId}`),
          refused: [404, 'file-not-found'],
        };
      },
    },
    {
      name: 'a grant to a role, by revoking it',
      prepare: async () => {
        const { user } = await someone();
        const { user: reader } = await someone();
        const { id } = await user.upload(randomBytes(10));
        const made = await user.post(`/api/v1/files/${id}/grants`, { role: 'user', permission: 'download' });
        const { id: grantId } = made.json as { id: string };
        return {
          ask: (index) => reader.via(replica(index)).send(`/api/v1/files/${id}`),
          revoke: (index) => user.via(replica(index)).delete(`/api/v1/files/${id}/grants/${grantId}`),
          refused: [404, 'file-not-found'],
        };
      },
    },
    {
      name: 'a grant, by losing the role by which its giver gave it',
      prepare: async () => {
        const { user } = await someone();
        const giver = await seed.user(tenantId, 'admin');
        const { account, user: reader } = await someone();
        const { id } = await user.upload(randomBytes(10));
        await give(await login(giver), id, account, 'download');
        return {
          ask: (index) => reader.via(replica(index)).send(`/api/v1/files/${id}`),
          revoke: (index) => admin(index).patch(`/api/v1/users/${giver.id}`, { role: 'user' }),
          refused: [404, 'file-not-found'],
        };
      },
    },
    {
      name: 'a grant, by taking from its giver the right to manage the file',
      prepare: async () => {
        const { user } = await someone();
        const { account: manager, user: giver } = await someone();
        const { account, user: reader } = await someone();
        const { id } = await user.upload(randomBytes(10));
        const grantId = await give(user, id, manager, 'manage');
        await give(giver, id, account, 'download');
        return {
          ask: (index) => reader.via(replica(index)).send(`/api/v1/files/${id}`),
          revoke: (index) => user.via(replica(index)).delete(`/api/v1/files/${id}/grants/${grantId}`),
          refused: [404, 'file-not-found'],
        };
      },
    },
    {
      name: 'a grant, by the role of the admin by whom its giver manages the file',
      prepare: async () => {
        const { user } = await someone();
        const giversGiver = await seed.user(tenantId, 'admin');
        const { account: manager, user: giver } = await someone();
        const { account, user: reader } = await someone();
        const { id } = await user.upload(randomBytes(10));
        await give(await login(giversGiver), id, manager, 'manage');
        await give(giver, id, account, 'download');
        return {
          ask: (index) => reader.via(replica(index)).send(`/api/v1/files/${id}`),
          revoke: (index) => admin(index).patch(`/api/v1/users/${giversGiver.id}`, { role: 'user' }),
          refused: [404, 'file-not-found'],
        };
      },
    },
  ];

  it.each(WAYS)('$name', async ({ name, prepare }) => {
    for (let round = 0; round < 10; round += 1) {
      const { ask, revoke, refused } = await prepare();
      if (name === 'a file, by deleting it') {
        // X-Accel past nginx: the decision alone.
        for (let index = 0; index < 4; index += 1) expect((await ask(index)).status).toBeLessThan(300);
      } else await warm(ask);
      expect((await revoke(round)).status).toBeLessThan(300);
      for (let index = round; index < round + 4; index += 1) expectProblem(await ask(index), ...refused);
    }
  });

  it('kill -9 between the commit and the new version: what is committed holds at once', async () => {
    const { account, user } = await someone();
    await warm(askMe(user));
    // As the process leaves it that dies there: announced, committed, not settled.
    await seed.redis.set(`version:{user:${account.id}}`, 'changing:of-one-that-died', 'EX', 60);
    await seed.query('UPDATE users SET disabled_at = now() WHERE id = $1', [account.id]);
    for (let index = 0; index < 4; index += 1) {
      expectProblem(await askMe(user)(index), 401, 'unauthenticated');
    }
    // When the announcement has expired there is no version: what is loaded then is kept again.
    await seed.redis.del(`version:{user:${account.id}}`);
    expectProblem(await askMe(user)(1), 401, 'unauthenticated');
  });

  it('while it is announced, nothing that is loaded is kept', async () => {
    const { account, user } = await someone();
    await seed.redis.set(`version:{user:${account.id}}`, 'changing:for-long', 'EX', 60);
    await warm(askMe(user));
    await seed.query('UPDATE users SET disabled_at = now() WHERE id = $1', [account.id]);
    for (let index = 0; index < 2; index += 1) {
      expectProblem(await askMe(user)(index), 401, 'unauthenticated');
    }
  });

  it('Redis cannot be told: 503, and nothing is revoked', async () => {
    const { account } = await someone();
    // The admin's own facts are kept; what cannot be done is the announcement.
    await seed.redis.config('SET', 'min-replicas-to-write', '1');
    try {
      const answer = await admin(0).patch(`/api/v1/users/${account.id}`, { disabled: true });
      expectProblem(answer, 503, 'dependency-unavailable');
    } finally {
      await seed.redis.config('SET', 'min-replicas-to-write', '0');
    }
    const [row] = await seed.query<{ disabled_at: Date | null }>(
      'SELECT disabled_at FROM users WHERE id = $1',
      [account.id],
    );
    expect(row?.disabled_at).toBeNull();
    expect((await login(account, 1)).token).toBeDefined();
  });

  it('Redis restored from a copy made before: what was revoked since stays revoked', async () => {
    const { account, user } = await someone();
    const { user: loggedOut } = await someone();
    const { user: unharmed } = await someone();
    for (const one of [user, loggedOut, unharmed]) await warm(askMe(one));
    const copy = await RedisCopy.take(own.stack);
    await untilServed(() => askMe(unharmed)(0));
    await untilServed(() => askMe(unharmed)(1));
    for (const one of [user, loggedOut]) await warm(askMe(one));

    // The second replica is not asked meanwhile: what it keeps has the versions of the copy.
    expect((await admin(0).patch(`/api/v1/users/${account.id}`, { disabled: true })).status).toBe(200);
    const logout = await loggedOut.via(replica(0)).send('/api/v1/auth/logout', { method: 'POST' });
    expect(logout.status).toBe(204);

    await copy.restore();
    await untilServed(() => askMe(unharmed)(0));
    await untilServed(() => askMe(unharmed)(1));
    for (let index = 0; index < 2; index += 1) {
      expectProblem(await askMe(user)(index), 401, 'unauthenticated');
      expectProblem(await askMe(loggedOut)(index), 401, 'unauthenticated');
    }
  });

  it('Redis demoted while we are connected: 503 instead of what a replica may not know yet', async () => {
    const { user } = await someone();
    const { id } = await user.upload(randomBytes(10), { visibility: 'public' });
    const ask = () => own.anonymous.via(replica(0)).send(`/download/${id}`, { method: 'HEAD' });
    expect((await ask()).status).toBe(200);
    // Nothing is written for a download, so nothing else tells.
    await seed.redis.replicaof('127.0.0.1', 1);
    try {
      expect((await ask()).status).toBe(503);
      expect((await ask()).status).toBe(503);
    } finally {
      await seed.redis.replicaof('NO', 'ONE');
    }
    await untilServed(ask);
  });

  it('a user disabled in the middle of a download: what is under way ends whole, its continuation is refused', async () => {
    const { account, user } = await someone();
    const bytes = randomBytes(24 * 2 ** 20);
    const { id } = await user.upload(bytes);
    const slow = new Slow();
    const download = slow.get(own.stack.publicUrl, `/download/${id}`, user.token ?? '');
    await slow.begun;
    expect((await admin(0).patch(`/api/v1/users/${account.id}`, { disabled: true })).status).toBe(200);
    expectProblem(await user.download(id, { Range: 'bytes=100-' }), 401, 'unauthenticated');
    slow.goOn();
    expect((await download).equals(bytes)).toBe(true);
  });

  async function untilServed(ask: () => Promise<Answer>): Promise<void> {
    const deadline = Date.now() + 5_000;
    let answer = await ask();
    while (answer.status === 503 && Date.now() < deadline) {
      await sleep(20);
      answer = await ask();
    }
    expect(answer.status, answer.text).toBe(200);
  }
});

describe('kill -9 of the replica that revokes, at any moment', () => {
  const own = useOwnStack(
    { RATE_LIMIT_API: '1000000', RATE_LIMIT_LOGINS: '1000000', RATE_LIMIT_TOKEN_MISSES: '1000000' },
    { replicas: 2 },
  );
  const ways = new RevocationWays(own);
  const has = async (query: string, value: string): Promise<boolean> =>
    (await ways.seed.query(query, [value])).length > 0;

  it('the other one answers as the database has it', async () => {
    const [first = '', second = ''] = own.stack.appUrls;
    const dying = own.stack.apps[0];
    const seen = new Map<string, Set<number>>();
    for (let round = 0; round < 12; round += 1) {
      const bytes = randomBytes(10);
      const { account, user } = await ways.someone();
      const [token, ofFile, grant] = [
        await ways.byToken(bytes),
        await ways.byToken(bytes),
        await ways.byGrant(bytes),
      ];
      const grantId = grant.grant.split('/').at(-1) ?? '';
      const kinds = [
        {
          name: 'user',
          ask: () => user.via(second).send(ME),
          revoke: () => own.admin.via(first).patch(`/api/v1/users/${account.id}`, { disabled: true }),
          isRevoked: () => has('SELECT FROM users WHERE id = $1 AND disabled_at IS NOT NULL', account.id),
          refused: 401,
        },
        {
          name: 'token',
          ask: () => token.api.via(second).send(token.path, { method: 'HEAD' }),
          revoke: () => token.user.via(first).delete(`/api/v1/tokens/${token.token.id}`),
          // It is removed before the commit: a token that is gone though its end was never committed is no harm.
          isRevoked: async () =>
            (await has("SELECT FROM revocations WHERE kind = 'token' AND subject = $1", token.token.id)) ||
            (await ways.seed.redis.keys(`download:token:*:${token.token.id}`)).length === 0,
          refused: 403,
        },
        {
          name: 'tokens of a file',
          ask: () => ofFile.api.via(second).send(ofFile.path, { method: 'HEAD' }),
          revoke: () => ofFile.user.via(first).delete(`/api/v1/files/${ofFile.file.id}/tokens`),
          isRevoked: () => has('SELECT FROM files WHERE id = $1 AND token_epoch > 0', ofFile.file.id),
          refused: 403,
        },
        {
          name: 'grant',
          ask: () => grant.api.via(second).send(grant.path, { method: 'HEAD' }),
          revoke: () => grant.user.via(first).delete(grant.grant),
          isRevoked: async () => !(await has('SELECT FROM file_grants WHERE id = $1', grantId)),
          refused: 404,
        },
      ];
      for (const { ask } of kinds) expect((await ask()).status).toBe(200);
      const revoking = kinds.map(({ revoke }) => revoke().catch(() => undefined));
      if (round < 8) await sleep(round * 2);
      else await (round < 11 ? Promise.race(revoking) : Promise.all(revoking));
      dying?.kill('SIGKILL');
      await Promise.all([...revoking, dying?.exited]);
      // The server notices that its client is gone, and ends what it had begun.
      await sleep(100);
      for (const { name, ask, isRevoked, refused } of kinds) {
        const { status } = await ask();
        expect(status, name).toBe((await isRevoked()) ? refused : 200);
        seen.set(name, (seen.get(name) ?? new Set()).add(status));
      }
      await dying?.start();
    }
    // Each of them was met before its commit and after it.
    for (const [name, statuses] of seen) expect([...statuses], name).toHaveLength(2);
  }, 120_000);
});
