import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createKey, openSession, refresh, type Tokens } from '../../harness/accounts.js';
import { type Api, expectProblem } from '../../harness/api.js';
import type { SeededUser } from '../../harness/seed.js';
import { useWorld } from '../../harness/world.js';

const SESSIONS = '/api/v1/auth/sessions';
const ME = '/api/v1/auth/me';

interface SessionJson {
  readonly id: string;
  readonly current: boolean;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly lastSeenAt: string;
  readonly lastSeenIp: string;
  readonly ip: string;
  readonly userAgent: string;
}

const idOf = ({ refreshToken }: Tokens) => refreshToken.split('.')[0] ?? '';

describe('sessions of a user', () => {
  const world = useWorld();

  const account = () => world.seed.user(world.tenantId);
  const as = ({ accessToken }: Tokens) => world.anonymous.as(accessToken);
  const list = async (api: Api): Promise<SessionJson[]> => {
    const answer = await api.send(SESSIONS);
    expect(answer.status, answer.text).toBe(200);
    return (answer.json as { items: SessionJson[] }).items;
  };

  /** Past nginx, from an address and with a device of one's own choice. */
  const openFrom = async (
    { email, password }: SeededUser,
    ip: string,
    userAgent: string,
  ): Promise<Tokens> => {
    const body = JSON.stringify({ email, password });
    const answer = await world.anonymous.via(world.stack.appUrl).send('/api/v1/auth/login', {
      method: 'POST',
      body,
      headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': ip, 'User-Agent': userAgent },
    });
    expect(answer.status, answer.text).toBe(200);
    return answer.json as Tokens;
  };

  it('shows device, address and times, newest first, and which one asks', async () => {
    const user = await account();
    const before = Date.now();
    const phone = await openFrom(user, '203.0.113.7', 'Phone/1 (Ünïcode)');
    await sleep(5);
    const laptop = await openFrom(user, '2001:db8::1', 'Laptop/2');
    const answer = await as(laptop).send(SESSIONS);
    expect(answer.headers['cache-control']).toBe('no-store');
    const items = await list(as(laptop));
    expect(items).toEqual([
      {
        id: idOf(laptop),
        current: true,
        createdAt: expect.stringMatching(/Z$/) as unknown,
        expiresAt: expect.stringMatching(/Z$/) as unknown,
        lastSeenAt: expect.stringMatching(/Z$/) as unknown,
        lastSeenIp: '127.0.0.1',
        ip: '2001:db8::1',
        userAgent: 'Laptop/2',
      },
      expect.objectContaining({
        id: idOf(phone),
        current: false,
        ip: '203.0.113.7',
        lastSeenIp: '203.0.113.7',
      }),
    ]);
    expect(items[1]?.userAgent).toMatch(/^Phone\/1/);
    for (const { createdAt, expiresAt, lastSeenAt } of items) {
      expect(Date.parse(createdAt)).toBeGreaterThanOrEqual(before - 1_000);
      expect(Date.parse(lastSeenAt)).toBeGreaterThanOrEqual(Date.parse(createdAt));
      expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(2_592_000_000);
    }
    expect((await list(as(phone))).map(({ current }) => current)).toEqual([false, true]);
  });

  it('last seen moves forward with each look at the session, and by a refresh', async () => {
    const user = await account();
    const tokens = await openSession(world.anonymous, user);
    const [first] = await list(as(tokens));
    await sleep(20);
    // What is known of a session is looked up anew after at most half a minute: or when its user has changed.
    await world.seed.changed(`user:${user.id}`);
    const [second] = await list(as(tokens));
    expect(Date.parse(second?.lastSeenAt ?? '')).toBeGreaterThan(Date.parse(first?.lastSeenAt ?? ''));
    await sleep(20);
    expect((await refresh(world.anonymous, tokens.refreshToken)).status).toBe(200);
    const [third] = await list(as(tokens));
    expect(Date.parse(third?.lastSeenAt ?? '')).toBeGreaterThan(Date.parse(second?.lastSeenAt ?? ''));
  });

  it('a device that sends no name, or an endless one, can be told', async () => {
    const user = await account();
    await openFrom(user, '203.0.113.7', 'x'.repeat(1_000));
    const silent = await openSession(world.anonymous, user);
    const items = await list(as(silent));
    expect(items.map(({ userAgent }) => userAgent)).toEqual(['', 'x'.repeat(256)]);
  });

  it('204: one ends at the next request, the others go on', async () => {
    const user = await account();
    const [one, two] = [await openSession(world.anonymous, user), await openSession(world.anonymous, user)];
    expect((await as(one).send(ME)).status).toBe(200);
    expect((await as(two).delete(`${SESSIONS}/${idOf(one)}`)).status).toBe(204);
    expectProblem(await as(one).send(ME), 401, 'unauthenticated');
    expectProblem(await refresh(world.anonymous, one.refreshToken), 401, 'unauthenticated');
    expect((await list(as(two))).map(({ id }) => id)).toEqual([idOf(two)]);
    expectProblem(await as(two).delete(`${SESSIONS}/${idOf(one)}`), 404, 'session-not-found');
  });

  it('204: the one that asks', async () => {
    const tokens = await openSession(world.anonymous, await account());
    expect((await as(tokens).delete(`${SESSIONS}/${idOf(tokens)}`)).status).toBe(204);
    expectProblem(await as(tokens).send(ME), 401, 'unauthenticated');
  });

  it('404: of another, for its admin and an operator too', async () => {
    const tokens = await openSession(world.anonymous, await account());
    for (const api of [world.owner, world.admin, world.foreign, world.foreignAdmin, world.operator]) {
      expectProblem(await api.delete(`${SESSIONS}/${idOf(tokens)}`), 404, 'session-not-found');
      expect((await list(api)).map(({ id }) => id)).not.toContain(idOf(tokens));
    }
    expect((await as(tokens).send(ME)).status).toBe(200);
  });

  it('404: one that a new password has ended', async () => {
    const user = await account();
    const old = await openSession(world.anonymous, user);
    await world.seed.query('UPDATE users SET auth_epoch = auth_epoch + 1 WHERE id = $1', [user.id]);
    await world.seed.changed(`user:${user.id}`);
    const now = await openSession(world.anonymous, user);
    expect((await list(as(now))).map(({ id }) => id)).toEqual([idOf(now)]);
    expectProblem(await as(now).delete(`${SESSIONS}/${idOf(old)}`), 404, 'session-not-found');
  });

  it('a session that a Redis restored from a copy brings back is neither shown nor good', async () => {
    const user = await account();
    const [lost, mine] = [await openSession(world.anonymous, user), await openSession(world.anonymous, user)];
    const fields = await world.seed.redis.hgetall(`session:{${idOf(lost)}}`);
    expect((await as(mine).delete(`${SESSIONS}/${idOf(lost)}`)).status).toBe(204);
    await world.seed.redis.hset(`session:{${idOf(lost)}}`, fields);
    await world.seed.redis.expire(`session:{${idOf(lost)}}`, 600);
    await world.seed.redis.zadd(`sessions:{user:${user.id}}`, Date.now() + 600_000, idOf(lost));
    expectProblem(await as(lost).send(ME), 401, 'unauthenticated');
    expectProblem(await refresh(world.anonymous, lost.refreshToken), 401, 'unauthenticated');
    expect((await list(as(mine))).map(({ id }) => id)).toEqual([idOf(mine)]);
    expectProblem(await as(mine).delete(`${SESSIONS}/${idOf(lost)}`), 404, 'session-not-found');
  });

  it.each([
    'AAAAAAAAAAAAAAAAAAAAAA',
    'x',
    '*',
    '%7D',
    '%7Bx%7D',
    '..%2F..%2Fusers',
    '%0d%0aDEL%20x',
    '%C3%A4',
    '%f0%9f%98%80',
    '__proto__',
    'null',
    '%20',
    'A'.repeat(90),
  ])('404: the id %s', async (id) => {
    const tokens = await openSession(world.anonymous, await account());
    expectProblem(await as(tokens).delete(`${SESSIONS}/${id}`), 404, 'session-not-found');
    expect((await as(tokens).send(ME)).status).toBe(200);
  });

  it.each(['', '%', '%zz', '%00', 'A'.repeat(5_000)])('a broken path ends nothing: %j', async (id) => {
    const tokens = await openSession(world.anonymous, await account());
    const answer = await as(tokens).delete(`${SESSIONS}/${id}`);
    expect([400, 404, 414]).toContain(answer.status);
    expect((await as(tokens).send(ME)).status).toBe(200);
  });

  it('204: all end, that of the request too; keys stay', async () => {
    const user = await account();
    const sessions = [
      await openSession(world.anonymous, user),
      await openSession(world.anonymous, user),
      await openSession(world.anonymous, user),
    ];
    const [first] = sessions as [Tokens];
    const { key } = await createKey(as(first));
    expect((await as(first).delete(SESSIONS)).status).toBe(204);
    for (const tokens of sessions) {
      expectProblem(await as(tokens).send(ME), 401, 'unauthenticated');
      expectProblem(await refresh(world.anonymous, tokens.refreshToken), 401, 'unauthenticated');
    }
    expect((await world.anonymous.withKey(key).send('/api/v1/files')).status).toBe(200);
    const again = await openSession(world.anonymous, user);
    expect(await list(as(again))).toHaveLength(1);
    expect((await world.owner.send(ME)).status).toBe(200);
  });

  it('one login beyond a thousand ends the oldest session', async () => {
    const user = await account();
    const oldest = await openSession(world.anonymous, user);
    const index = `sessions:{user:${user.id}}`;
    const end = Date.now() + 2_592_000_000;
    const others = Array.from({ length: 999 }, (_, at) => [end + at, `other-${at}`]);
    await world.seed.redis.zadd(index, ...others.flat());
    expect((await as(oldest).send(ME)).status).toBe(200);
    const newest = await openSession(world.anonymous, user);
    expect(await world.seed.redis.zcard(index)).toBe(1_000);
    expect(await world.seed.redis.exists(`session:{${idOf(oldest)}}`)).toBe(0);
    expectProblem(await refresh(world.anonymous, oldest.refreshToken), 401, 'unauthenticated');
    expect((await as(newest).send(ME)).status).toBe(200);
    expect(await world.seed.redis.ttl(index)).toBeGreaterThan(2_500_000);
  });

  it('sessions that are over leave nothing behind', async () => {
    const user = await account();
    const tokens = await openSession(world.anonymous, user);
    const index = `sessions:{user:${user.id}}`;
    await world.seed.redis.zadd(index, Date.now() - 1, idOf(tokens));
    await world.seed.redis.del(`session:{${idOf(tokens)}}`);
    const next = await openSession(world.anonymous, user);
    expect(await world.seed.redis.zrange(index, 0, -1)).toEqual([idOf(next)]);
  });
});
