import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createKey } from '../harness/accounts.js';
import { expectProblem } from '../harness/api.js';
import { recordAtRest, recordOf } from '../harness/downloads.js';
import { listed, mint } from '../harness/download-tokens.js';
import type { Answer } from '../harness/http.js';
import { ADMIN, useOwnStack } from '../harness/own-stack.js';
import { RedisCopy } from '../harness/redis-copy.js';
import { type Downloader, RevocationWays } from '../harness/revocation-ways.js';
import { SlowDownload } from '../harness/slow-download.js';
import { until } from '../harness/until.js';

/** RULES 3, as `GET /download/:id` keeps it: gone at the next request, on every replica, for good. */
describe('a right to download that is taken back, on two replicas', () => {
  const own = useOwnStack(
    { RATE_LIMIT_API: '1000000', RATE_LIMIT_LOGINS: '1000000', RATE_LIMIT_TOKEN_MISSES: '1000000' },
    { replicas: 2 },
  );
  const ways = new RevocationWays(own);

  const replica = (index: number): string => own.stack.appUrls[index % 2] ?? '';
  type Who = Pick<Downloader, 'api' | 'path'>;
  /** Past nginx: the decision alone. */
  const ask = (
    { api, path }: Who,
    index: number,
    method = 'GET',
    headers: Record<string, string> = {},
  ): Promise<Answer> => api.via(replica(index)).send(path, { method, headers });
  /** Both replicas have decided and keep what they decided on. */
  const warm = async (who: Who): Promise<void> => {
    for (let index = 0; index < 4; index += 1) expect((await ask(who, index)).status).toBe(200);
  };
  const expectRefused = async (
    who: Who,
    refused: readonly [status: number, code: string],
    first = 0,
  ): Promise<void> => {
    for (let index = first; index < first + 2; index += 1) {
      expectProblem(await ask(who, index), ...refused);
      expectProblem(await ask(who, index, 'GET', { Range: 'bytes=5-' }), ...refused);
      expect((await ask(who, index, 'HEAD')).status).toBe(refused[0]);
    }
  };
  const expectExhausted = async (who: Who): Promise<void> => {
    for (let index = 0; index < 2; index += 1) expectProblem(await ask(who, index), 403, 'token-exhausted');
  };
  const expectServed = async (who: Who): Promise<void> => {
    for (let index = 0; index < 2; index += 1) {
      const answer = await until(
        () => ask(who, index),
        ({ status }) => status !== 503,
      );
      expect(answer.status, answer.text).toBe(200);
    }
  };

  it.each(ways.all)('%s: refused by the next request of both', async (_name, prepare) => {
    for (let round = 0; round < 4; round += 1) {
      const who = await prepare(randomBytes(10));
      await warm(who);
      const answer = await who.revoke(replica(round));
      expect(answer.status, answer.text).toBeLessThan(300);
      await expectRefused(who, who.refused, round + (round > 1 ? 1 : 0));
    }
  });

  it.each(ways.all)(
    '%s, in the middle of downloads: what is under way ends whole, its continuation is refused',
    async (name, prepare) => {
      // More than the kernel takes for a client that reads nothing.
      const bytes = randomBytes(6 * 2 ** 20);
      await Promise.all(
        Array.from({ length: 5 }, async (_, round) => {
          const who = await prepare(bytes);
          const credentials: Record<string, string> = {
            ...(who.api.token !== undefined && { Authorization: `Bearer ${who.api.token}` }),
            ...(who.api.apiKey !== undefined && { 'X-API-Key': who.api.apiKey }),
          };
          const running = await SlowDownload.begin(`${own.stack.publicUrl}${who.path}`, credentials);
          expect(running.status).toBe(200);
          expect((await who.revoke(replica(round))).status).toBeLessThan(300);
          const resume = await who.api.send(who.path, {
            headers: { Range: 'bytes=100-', Cookie: running.cookie },
          });
          expectProblem(resume, ...who.refused);
          expect((await recordOf(ways.seed, running.downloadId)).open, name).toBe(1);
          expect((await running.rest()).equals(bytes)).toBe(true);
          expect((await recordAtRest(ways.seed, running.downloadId)).state).toBe('COMPLETED');
        }),
      );
    },
  );

  it('10,000 requests that alternate between the replicas: none is served after the answer to its revocation', async () => {
    const kinds = ways.all.filter(([name]) =>
      ['a token, alone', 'all tokens of a file', 'a grant', 'a user, by an admin', 'an API key'].includes(
        name,
      ),
    );
    let requests = 0;
    let servedAfter = 0;
    let refusedBefore = 0;
    for (let round = 0; requests < 10_000; round += 1) {
      const [, prepare] = kinds[round % kinds.length] ?? kinds[0] ?? [];
      const who = await prepare?.(randomBytes(10));
      if (who === undefined) break;
      let revoked = false;
      const asking = Array.from({ length: 4 }, async (_, lane) => {
        for (let index = lane; index < lane + 60; index += 1) {
          const since = revoked;
          const { status } = await ask(who, index, index % 4 < 2 ? 'HEAD' : 'GET', { Range: 'bytes=1-' });
          requests += 1;
          if (since && status < 300) servedAfter += 1;
          if (!revoked && status >= 300) refusedBefore += 1;
        }
      });
      await sleep(Math.random() * 60);
      const revoking = who.revoke(replica(round));
      // Between the sending and the answer either is right.
      void revoking.then(() => (revoked = true));
      expect((await revoking).status).toBeLessThan(300);
      await Promise.all(asking);
    }
    expect(requests).toBeGreaterThanOrEqual(10_000);
    expect(servedAfter).toBe(0);
    // Only those under way while it was being revoked.
    expect(refusedBefore).toBeLessThan(requests / 10);
  }, 180_000);

  it('Redis fails over between the removal of a token and its commit, without the removal: it does not come back', async () => {
    const { user, token, ...who } = await ways.byToken(randomBytes(10));
    await warm(who);
    const [key = ''] = await ways.seed.redis.keys(`download:token:*:${token.id}`);
    const before = await ways.seed.redis.hgetall(key);
    // The commit waits for us.
    await ways.seed.query(`
      CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER wait_for_test AFTER INSERT ON revocations
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_for_test()`);
    const held = await ways.seed.hold('SELECT pg_advisory_xact_lock($1)', [4711]);
    try {
      const revoking = user.via(replica(0)).delete(`/api/v1/tokens/${token.id}`);
      await held.untilWaitedFor();
      expect(await ways.seed.redis.exists(key)).toBe(0);
      await ways.seed.redis.hset(key, before);
      // It is not revoked yet, and the second replica loads it from what is there.
      await ways.seed.redis.del(`version:{user:${before.minter ?? ''}}`);
      expect((await ask(who, 1)).status).toBe(200);
      await held.release();
      expect((await revoking).status).toBe(204);
    } finally {
      await held.release();
      await ways.seed.query('DROP FUNCTION wait_for_test CASCADE');
    }
    await expectRefused(who, who.refused, 1);
  });

  it('Redis restored from a copy made before: what was revoked since stays revoked; uses that were spent since are forgotten', async () => {
    const unharmed = await ways.byToken(randomBytes(10));
    const once = await ways.byToken(randomBytes(10), { maxDownloads: 1 });
    const spent = await ways.byToken(randomBytes(10), { maxDownloads: 1 });
    expect((await ask(spent, 0)).status).toBe(200);
    const people = await Promise.all(ways.all.map(([, prepare]) => prepare(randomBytes(10))));
    const copy = await RedisCopy.take(own.stack);
    await expectServed(unharmed);
    for (const who of people) await warm(who);
    expect((await ask(once, 0)).status).toBe(200);
    await expectExhausted(once);
    // By one replica only: what the other keeps has the versions of the copy.
    for (const who of people) expect((await who.revoke(replica(0))).status).toBeLessThan(300);

    await copy.restore();
    await expectServed(unharmed);
    for (const who of people) await expectRefused(who, who.refused);
    await expectExhausted(spent);
    // Redis alone knows what is spent (docs/tokens.md).
    expect((await ask(once, 1)).status).toBe(200);
    await expectExhausted(once);
  });

  it('FLUSHALL: tokens and sessions are gone, rights are as PostgreSQL has them, and nothing that was revoked is back', async () => {
    const token = await ways.byToken(randomBytes(10));
    const revoked = await Promise.all(
      ways.all.map(async ([, prepare]) => {
        const who = await prepare(randomBytes(10));
        await warm(who);
        expect((await who.revoke(replica(1))).status).toBeLessThan(300);
        return who;
      }),
    );
    const session = await ways.ofOwn(randomBytes(10));
    const granted = await ways.byGrant(randomBytes(10));
    const keyOf = async (user: typeof session.user) =>
      own.anonymous.withKey((await createKey(user, ['download'])).key);
    const [byKey, byGrant, withdrawn, disabled] = [
      { api: await keyOf(session.user), path: session.path },
      { api: await keyOf(granted.api), path: granted.path },
      ...(await Promise.all(
        [await ways.byGrant(randomBytes(10)), await ways.byGrant(randomBytes(10))].map(async (one) => ({
          ...one,
          api: await keyOf(one.api),
          person: one.api,
        })),
      )),
    ] as const;
    if (withdrawn === undefined || disabled === undefined) throw new Error('there are two');
    for (const who of [byKey, byGrant, withdrawn, disabled, token, session]) await warm(who);
    expect((await withdrawn.user.via(replica(0)).delete(withdrawn.grant)).status).toBe(204);
    const me = (await disabled.person.send('/api/v1/auth/me')).json as { id: string };
    expect((await own.admin.patch(`/api/v1/users/${me.id}`, { disabled: true })).status).toBe(200);

    await ways.seed.redis.flushall();
    await expectRefused(token, [403, 'token-invalid']);
    await expectRefused(session, [401, 'unauthenticated']);
    await expectRefused(withdrawn, [404, 'file-not-found']);
    await expectRefused(disabled, [401, 'unauthenticated']);
    await expectServed(byKey);
    await expectServed(byGrant);
    for (const who of revoked) {
      if (who.path.includes('token=')) await expectRefused(who, [403, 'token-invalid']);
      else await expectRefused(who, who.api.token === undefined ? who.refused : [401, 'unauthenticated']);
    }
    // And it goes on: new sessions, new tokens.
    const { email, password } = session.account;
    const again = await own.anonymous.login(email, password);
    await expectServed({ api: again, path: session.path });
    const { token: text } = await mint(again, session.file.id);
    await expectServed({ api: own.anonymous, path: `${session.path}?token=${text}` });
    expect(await listed(again, session.file.id)).toHaveLength(1);
    expect((await own.anonymous.login(ADMIN.email, ADMIN.password)).token).toBeDefined();
  });
});
