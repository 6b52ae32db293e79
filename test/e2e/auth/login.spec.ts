import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Api, expectProblem } from '../../harness/api.js';
import { useWorld } from '../../harness/world.js';

const LOGIN = '/api/v1/auth/login';

describe('POST /api/v1/auth/login', () => {
  const world = useWorld();

  it('200: the first account, an operator of the default tenant', async () => {
    const { email, password } = world.stack.admin;
    const answer = await world.anonymous.post(LOGIN, { email, password });
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.json).toEqual({
      accessToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) as unknown,
      tokenType: 'Bearer',
      expiresIn: 900,
      refreshToken: expect.stringMatching(/^[\w-]{22}\.0\.[\w-]{43}$/) as unknown,
    });
    const me = await world.anonymous
      .as((answer.json as { accessToken: string }).accessToken)
      .send('/api/v1/auth/me');
    expect(me.json).toMatchObject({ email, role: 'operator', tenantId: await world.seed.defaultTenant() });
  });

  it('200: case and surrounding space of the address do not matter', async () => {
    const { email, password } = world.ownerAccount;
    expect((await world.anonymous.post(LOGIN, { email: email.toUpperCase(), password })).status).toBe(200);
  });

  it('401: a wrong password, an unknown and a disabled account look alike', async () => {
    const disabled = await world.seed.user(world.tenantId);
    await world.seed.query('UPDATE users SET disabled_at = now() WHERE id = $1', [disabled.id]);
    const documents = [];
    for (const login of [
      { email: world.ownerAccount.email, password: 'wrong' },
      { email: 'nobody@example.com', password: 'wrong' },
      { email: disabled.email, password: disabled.password },
    ]) {
      const answer = await world.anonymous.post(LOGIN, login);
      expectProblem(answer, 401, 'unauthenticated');
      documents.push({ ...(answer.json as object), requestId: '' });
    }
    expect(documents[1]).toEqual(documents[0]);
    expect(documents[2]).toEqual(documents[0]);
  });

  it('401: an account that does not exist costs the work of one that does', async () => {
    const real = world.stack.admin.email; // the seeded accounts have cheap hashes
    const time = async (email: string) => {
      const times = [];
      for (let round = 0; round < 7; round += 1) {
        await world.seed.forgetLoginFailures();
        const since = performance.now();
        await world.anonymous.post(LOGIN, { email, password: 'wrong' });
        times.push(performance.now() - since);
      }
      return times.toSorted((a, b) => a - b)[3] ?? 0;
    };
    await time('warm@example.com');
    const [unknown, known] = [await time('nobody@example.com'), await time(real)];
    expect(unknown / known).toBeGreaterThan(0.5);
    expect(unknown / known).toBeLessThan(2);
  });

  it.each([
    [{}, ['email', 'password']],
    [{ email: 'x', password: 'y' }, ['email']],
    [{ email: 'a@example.com' }, ['password']],
    [{ email: 'a@example.com', password: '' }, ['password']],
    [{ email: 'a@example.com', password: 7 }, ['password']],
    [{ email: ['a@example.com'], password: 'y' }, ['email']],
    [{ email: 'a@example.com', password: 'y'.repeat(1_025) }, ['password']],
    [{ email: `${'a'.repeat(300)}@example.com`, password: 'y' }, ['email']],
    [{ email: 'a@example.com', password: 'y', role: 'operator' }, ['role']],
    [[], ['email', 'password']],
  ])('400: %j', async (body, fields) => {
    const answer = await world.anonymous.post(LOGIN, body);
    expectProblem(answer, 400, 'validation-failed');
    const { errors } = answer.json as { errors: { field: string }[] };
    expect([...new Set(errors.map(({ field }) => field))].toSorted()).toEqual(fields);
  });

  it.each(['', '{', 'null', '"x"', '{"email":"a@example.com","__proto__":{"x":1},"password":"y"}'])(
    '400: the body %s',
    async (body) => {
      const answer = await world.anonymous.send(LOGIN, {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/json' },
      });
      expectProblem(answer, 400, 'validation-failed');
      expect(answer.text).not.toContain('JSON.parse');
    },
  );

  it('413: a body above 64 KiB, through nginx and past it', async () => {
    const login = { email: 'a@example.com', password: 'y'.repeat(70_000) };
    expectProblem(await world.anonymous.post(LOGIN, login), 413, 'payload-too-large');
    expectProblem(await new Api(world.stack.appUrl).post(LOGIN, login), 413, 'payload-too-large');
  });

  it.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'application/json\ta'])(
    'a %j body is not read as JSON',
    async (type) => {
      const body = JSON.stringify({ email: world.ownerAccount.email, password: world.ownerAccount.password });
      const answer = await world.anonymous.send(LOGIN, {
        method: 'POST',
        body,
        headers: { 'Content-Type': type },
      });
      expectProblem(answer, 415, 'unsupported-media-type');
    },
  );

  it('200: whatever credentials came along: who logs in again may still send the old ones', async () => {
    const { email, password } = world.ownerAccount;
    expect((await world.anonymous.as('stale').post(LOGIN, { email, password })).status).toBe(200);
  });

  it('429: more logins at once than the hashing takes; the others are served', async () => {
    const logins = Array.from({ length: 80 }, () =>
      world.anonymous.post(LOGIN, {
        // Each another one: wrong passwords of one account wait, and would not come at once.
        email: `${randomBytes(8).toString('hex')}@example.com`,
        password: 'wrong',
      }),
    );
    const answers = await Promise.all(logins);
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.every(({ status }) => status === 401 || status === 429)).toBe(true);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) expectProblem(answer, 429, 'too-many-requests');
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(32);
  });
});
