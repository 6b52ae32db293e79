import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createKey, expectInvalid, openSession, refresh, type Tokens } from '../../harness/accounts.js';
import { expectProblem, patiently } from '../../harness/api.js';
import type { Answer } from '../../harness/http.js';
import { useWorld } from '../../harness/world.js';

const ME = '/api/v1/auth/me';
const REFRESH = '/api/v1/auth/refresh';

const tokensOf = (answer: Answer): Tokens => {
  expect(answer.status, answer.text).toBe(200);
  return answer.json as Tokens;
};
const generationOf = (token: string) => Number(token.split('.')[1]);
const sessionOf = (token: string) => token.split('.')[0] ?? '';

describe('POST /api/v1/auth/refresh', () => {
  const world = useWorld();

  const account = () => world.seed.user(world.tenantId);
  const open = async () => openSession(world.anonymous, await account());
  const renew = (token: unknown) => refresh(world.anonymous, token);
  const me = (token: string) => world.anonymous.as(token).send(ME);
  const keyOf = (token: string) => `session:{${sessionOf(token)}}`;

  /** As if the session's last rotation lay further back. */
  const age = async (token: string, milliseconds: number) => {
    const rotatedAt = Number(await world.seed.redis.hget(keyOf(token), 'rotatedAt'));
    expect(rotatedAt).toBeGreaterThan(0);
    await world.seed.redis.hset(keyOf(token), 'rotatedAt', rotatedAt - milliseconds);
  };

  it('200: the next tokens of the same session', async () => {
    const first = await open();
    const answer = await renew(first.refreshToken);
    expect(answer.headers['cache-control']).toBe('no-store');
    const second = tokensOf(answer);
    expect(second).toEqual({
      accessToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) as unknown,
      tokenType: 'Bearer',
      expiresIn: 900,
      refreshToken: expect.stringMatching(/^[\w-]{22}\.1\.[\w-]{43}$/) as unknown,
    });
    expect(sessionOf(second.refreshToken)).toBe(sessionOf(first.refreshToken));
    expect((await me(second.accessToken)).status).toBe(200);
    // The session goes on: the access token before lives its short life out.
    expect((await me(first.accessToken)).status).toBe(200);
    const third = tokensOf(await renew(second.refreshToken));
    expect(generationOf(third.refreshToken)).toBe(2);
  });

  it('whatever credentials came along: a client sends its stale ones', async () => {
    const { refreshToken } = await open();
    expect((await refresh(world.anonymous.as('stale'), refreshToken)).status).toBe(200);
    expect((await refresh(world.anonymous.withKey('stale'), refreshToken)).status).toBe(200);
  });

  it('a retry within seconds gives the same generation, and the tokens of both answers work', async () => {
    const { refreshToken } = await open();
    const one = tokensOf(await renew(refreshToken));
    const two = tokensOf(await renew(refreshToken));
    expect(two.refreshToken).toBe(one.refreshToken);
    expect((await me(one.accessToken)).status).toBe(200);
    expect((await me(two.accessToken)).status).toBe(200);
    expect(generationOf(tokensOf(await renew(two.refreshToken)).refreshToken)).toBe(2);
  });

  it('50 refreshes with one token at once are all served, and it is one rotation', async () => {
    const { refreshToken } = await open();
    const answers = await Promise.all(Array.from({ length: 50 }, () => renew(refreshToken)));
    const next = new Set(answers.map((answer) => tokensOf(answer).refreshToken));
    expect(next.size).toBe(1);
    expect(generationOf([...next][0] ?? '')).toBe(1);
    for (const answer of answers.slice(-2)) {
      expect((await me(tokensOf(answer).accessToken)).status).toBe(200);
    }
  });

  it('a retry just within the window is served, one just after it ends the session and every token of it', async () => {
    const first = await open();
    const second = tokensOf(await renew(first.refreshToken));
    await age(first.refreshToken, 5_000);
    expect(tokensOf(await renew(first.refreshToken)).refreshToken).toBe(second.refreshToken);
    await age(first.refreshToken, 5_500);
    expectProblem(await renew(first.refreshToken), 401, 'unauthenticated');
    for (const { accessToken, refreshToken } of [first, second]) {
      expectProblem(await me(accessToken), 401, 'unauthenticated');
      expectProblem(await renew(refreshToken), 401, 'unauthenticated');
    }
  });

  it('a token before the last but one ends the session at once: no retry is that late', async () => {
    const first = await open();
    const second = tokensOf(await renew(first.refreshToken));
    const third = tokensOf(await renew(second.refreshToken));
    expectProblem(await renew(first.refreshToken), 401, 'unauthenticated');
    expectProblem(await me(third.accessToken), 401, 'unauthenticated');
    expectProblem(await renew(third.refreshToken), 401, 'unauthenticated');
  });

  it('a stolen token ends its own session only, and the audit tells of it', async () => {
    const user = await account();
    const [stolen, other] = [
      await openSession(world.anonymous, user),
      await openSession(world.anonymous, user),
    ];
    await renew(stolen.refreshToken);
    await age(stolen.refreshToken, 10_001);
    expectProblem(await renew(stolen.refreshToken), 401, 'unauthenticated');
    expect((await me(other.accessToken)).status).toBe(200);
    expect((await renew(other.refreshToken)).status).toBe(200);
    const rows = await world.seed.query<{ outcome: string }>(
      `SELECT outcome FROM audit_log WHERE action = 'refresh-token.reuse' AND actor_id = $1`,
      [user.id],
    );
    expect(rows).toEqual([{ outcome: 'refused' }]);
  });

  it('a Redis that has forgotten the last rotation punishes nobody', async () => {
    const first = await open();
    const second = tokensOf(await renew(first.refreshToken));
    await world.seed.redis.hset(keyOf(first.refreshToken), 'generation', 0);
    const third = tokensOf(await renew(second.refreshToken));
    expect(generationOf(third.refreshToken)).toBe(2);
    expect((await me(third.accessToken)).status).toBe(200);
  });

  describe('401: a token that is not the session’s', () => {
    const secret = () => readFileSync(world.stack.jwtSecretFile, 'utf8').trim();
    const mac = (text: string, key: string) => createHmac('sha256', key).update(text).digest('base64url');

    it.each<[string, (token: string) => string | Promise<string>]>([
      ['truncated', (token) => token.slice(0, -1)],
      ['without its signature', (token) => token.split('.').slice(0, 2).join('.')],
      ['with an empty signature', (token) => `${token.split('.').slice(0, 2).join('.')}.`],
      ['with a letter more', (token) => `${token}A`],
      ['with a space before', (token) => ` ${token}`],
      ['with a line behind', (token) => `${token}\n`],
      // The last letter of 43 has two bits that mean nothing: four spellings of the same bytes.
      ['another spelling of the signature', (token) => token.slice(0, -1) + respell(token.slice(-1))],
      ['of the next generation', (token) => token.replace('.0.', '.1.')],
      ['of another spelling of the generation', (token) => token.replace('.0.', '.00.')],
      ['of a negative generation', (token) => token.replace('.0.', '.-1.')],
      [
        'of another session',
        async (token) => token.replace(/^[^.]+/, sessionOf((await open()).refreshToken)),
      ],
      ['of an unknown session', (token) => token.replace(/^[^.]+/, 'A'.repeat(22))],
      ['of a session with odd letters', (token) => token.replace(/^[^.]+/, '}../../../../../../*')],
      ['signed by another key', (token) => sign(token, 'x'.repeat(64))],
      ['signed as a JWT is', (token) => `${head(token)}.${mac(head(token), secret())}`],
      ['an access token', async () => (await open()).accessToken],
      ['four dots', () => '....'],
      ['60,000 letters', () => 'x'.repeat(60_000)],
      ['60,000 dots', (token) => token + '.'.repeat(60_000)],
      ['60,000 digits', (token) => token.replace('.0.', `.${'0'.repeat(60_000)}.`)],
    ])('%s', async (_name, forge) => {
      const { refreshToken, accessToken } = await open();
      expectProblem(await renew(await forge(refreshToken)), 401, 'unauthenticated');
      // Nobody's session ends by a forgery.
      expect((await me(accessToken)).status).toBe(200);
      expect((await renew(refreshToken)).status).toBe(200);
    });

    it('what is refused above is not for the way it is made here', async () => {
      const { refreshToken } = await open();
      expect(sign(refreshToken, secret())).toBe(refreshToken);
    });

    it('an unknown session with a right signature', async () => {
      const text = `${'A'.repeat(22)}.0`;
      expectProblem(await renew(`${text}.${mac(`refresh-token ${text}`, secret())}`), 401, 'unauthenticated');
    });

    function head(token: string): string {
      return token.split('.').slice(0, 2).join('.');
    }
    function sign(token: string, key: string): string {
      return `${head(token)}.${mac(`refresh-token ${head(token)}`, key)}`;
    }
    function respell(letter: string): string {
      const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
      return letters.charAt(letters.indexOf(letter) ^ 1);
    }
  });

  it.each<[string, unknown, string[]]>([
    ['nothing', {}, ['refreshToken']],
    ['null', { refreshToken: null }, ['refreshToken']],
    ['an empty token', { refreshToken: '' }, ['refreshToken']],
    ['a number', { refreshToken: 7 }, ['refreshToken']],
    ['two tokens', { refreshToken: ['a', 'b'] }, ['refreshToken']],
    ['an object', { refreshToken: { $gt: '' } }, ['refreshToken']],
    ['an unknown member', { refreshToken: 'x', grant_type: 'refresh_token' }, ['grant_type']],
    ['an array', [], ['refreshToken']],
  ])('400: %s', async (_name, body, fields) => {
    expectInvalid(await world.anonymous.post(REFRESH, body), fields);
  });

  it.each(['', 'null', '"x"', '{', '[{"refreshToken":"x"}]'])('400: the body %s', async (body) => {
    const headers = { 'Content-Type': 'application/json' };
    expectProblem(
      await world.anonymous.send(REFRESH, { method: 'POST', body, headers }),
      400,
      'validation-failed',
    );
  });

  it('413: 100 kilobytes; 415: a form', async () => {
    expectProblem(await renew('x'.repeat(100_000)), 413, 'payload-too-large');
    const { refreshToken } = await open();
    const form = await world.anonymous.send(REFRESH, {
      method: 'POST',
      body: `refreshToken=${refreshToken}`,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    });
    expectProblem(form, 415, 'unsupported-media-type');
  });

  it('a token in the query is not read', async () => {
    const { refreshToken } = await open();
    expectProblem(
      await world.anonymous.post(`${REFRESH}?refreshToken=${refreshToken}`, {}),
      400,
      'validation-failed',
    );
    expect(await world.seed.redis.hget(keyOf(refreshToken), 'generation')).toBe('0');
  });

  describe('401: when the session has ended', () => {
    const PASSWORD = 'correct horse battery staple';

    it.each<[string, (of: { id: string; password: string; session: Tokens }) => Promise<Answer>]>([
      ['by a logout', ({ session }) => as(session).send('/api/v1/auth/logout', { method: 'POST' })],
      [
        'by its end',
        ({ session }) => as(session).delete(`/api/v1/auth/sessions/${sessionOf(session.refreshToken)}`),
      ],
      ['with all others', ({ session }) => as(session).delete('/api/v1/auth/sessions')],
      [
        'by a new password',
        ({ session, password }) =>
          patiently(() =>
            as(session).post('/api/v1/auth/password', { currentPassword: password, newPassword: PASSWORD }),
          ),
      ],
      [
        'by a reset',
        ({ id }) => patiently(() => world.admin.patch(`/api/v1/users/${id}`, { password: PASSWORD })),
      ],
      ['as the user is disabled', ({ id }) => world.admin.patch(`/api/v1/users/${id}`, { disabled: true })],
      ['as the user is deleted', ({ id }) => world.admin.delete(`/api/v1/users/${id}`)],
    ])('%s', async (_name, end) => {
      const user = await account();
      const session = await openSession(world.anonymous, user);
      const next = tokensOf(await renew(session.refreshToken));
      const ended = await end({ ...user, session: next });
      expect(ended.status, ended.text).toBeLessThan(300);
      for (const token of [next.refreshToken, session.refreshToken]) {
        expectProblem(await renew(token), 401, 'unauthenticated');
      }
      for (const token of [next.accessToken, session.accessToken]) {
        expectProblem(await me(token), 401, 'unauthenticated');
      }
    });

    it('as the tenant is suspended; resumed, the session goes on', async () => {
      const tenantId = await world.seed.tenant();
      const session = await openSession(world.anonymous, await world.seed.user(tenantId));
      const suspend = (suspended: boolean) =>
        world.operator.patch(`/api/v1/tenants/${tenantId}`, { suspended });
      await suspend(true);
      expectProblem(await renew(session.refreshToken), 401, 'unauthenticated');
      await suspend(false);
      expect((await renew(session.refreshToken)).status).toBe(200);
    });

    it('by itself: no token outlives it', async () => {
      const session = await open();
      const key = keyOf(session.refreshToken);
      const end = async (milliseconds: number) => {
        const at = Date.now() + milliseconds;
        await world.seed.redis.hset(key, 'expiresAt', new Date(at).toISOString());
        await world.seed.redis.pexpireat(key, at);
      };
      await end(60_000);
      const { expiresIn, refreshToken, accessToken } = tokensOf(await renew(session.refreshToken));
      expect(expiresIn).toBeLessThanOrEqual(60);
      expect(expiresIn).toBeGreaterThan(50);
      const claims = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()) as {
        iat: number;
        exp: number;
      };
      expect(claims.exp - claims.iat).toBe(expiresIn);
      await end(-1);
      expectProblem(await renew(refreshToken), 401, 'unauthenticated');
    });

    function as({ accessToken }: Tokens) {
      return world.anonymous.as(accessToken);
    }
  });

  it('Redis holds no refresh token, no access token, no key and no password', async () => {
    const user = await account();
    const first = await openSession(world.anonymous, user);
    const second = tokensOf(await renew(first.refreshToken));
    const api = world.anonymous.as(second.accessToken);
    const { key } = await createKey(api);
    await world.anonymous.withKey(key).send('/api/v1/files');
    const contents = await world.seed.redisContents();
    expect(contents).toContain(sessionOf(first.refreshToken));
    const secrets = [first, second].flatMap(({ accessToken, refreshToken }) => [
      refreshToken,
      refreshToken.split('.')[2] ?? '',
      accessToken,
      accessToken.split('.')[2] ?? '',
    ]);
    for (const secret of [...secrets, key, key.slice(15), user.password, user.email]) {
      expect(secret.length).toBeGreaterThan(10);
      expect(contents.includes(secret)).toBe(false);
    }
  });
});
