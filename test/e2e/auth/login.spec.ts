import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Api, expectProblem, patiently } from '../../harness/api.js';
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

  it('200: an address with letters of any alphabet, however it is typed', async () => {
    const { id, password } = await world.seed.user(world.tenantId);
    const email = `r\u00F6ss\u00ED-\u043F\u043E\u0447\u0442\u0430-\u01F0-${randomBytes(6).toString('hex')}@ex\u00E4mple.com`;
    await world.seed.query('UPDATE users SET email = $2 WHERE id = $1', [id, email]);
    const spellings = [
      email,
      email.toUpperCase(),
      email.normalize('NFD'),
      email.toUpperCase().normalize('NFD'),
      `\u00A0 ${email}\t`,
    ];
    for (const spelling of spellings) {
      const answer = await patiently(() => world.anonymous.post(LOGIN, { email: spelling, password }));
      expect(answer.status, JSON.stringify(spelling)).toBe(200);
    }
    // Whether two letters look alike is nothing that opens an account.
    const lookalikes = [
      email.replace('r\u00F6', 'ro'),
      email.replace('\u043E', 'o'),
      email.replace('ss', '\u00DF'),
    ];
    for (const other of lookalikes) {
      const answer = await patiently(() => world.anonymous.post(LOGIN, { email: other, password }));
      expectProblem(answer, 401, 'unauthenticated');
    }
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
      await world.seed.forgetLoginFailures(email);
      const since = performance.now();
      const answer = await patiently(() => world.anonymous.post(LOGIN, { email, password: 'wrong' }));
      expect(answer.status).toBe(401);
      return performance.now() - since;
    };
    await time('nobody@example.com');
    // In turns, and the fastest of each: what else the machine does slows both.
    let [unknown, known] = [Infinity, Infinity];
    for (let round = 0; round < 9; round += 1) {
      unknown = Math.min(unknown, await time('nobody@example.com'));
      known = Math.min(known, await time(real));
    }
    expect(unknown / known).toBeGreaterThan(0.5);
    expect(unknown / known).toBeLessThan(2);
  });

  describe('wrong passwords in a row', () => {
    const attempt = (email: string, password = 'wrong') =>
      patiently(() => world.anonymous.post(LOGIN, { email, password }));
    const timed = async (email: string, password?: string) => {
      const since = performance.now();
      const { status } = await attempt(email, password);
      return { status, took: performance.now() - since };
    };
    const nobody = () => `${randomBytes(8).toString('hex')}@example.com`;

    it('are counted for accounts that exist and those that do not, in whatever case, and forgotten in time', async () => {
      const { email } = await world.seed.user(world.tenantId);
      for (const address of [email, nobody()]) {
        for (const spelling of [address, address.toUpperCase(), ` ${address}`, address]) {
          expect((await attempt(spelling)).status).toBe(401);
        }
        expect(await world.seed.loginFailures(address)).toBe(4);
        expect(await world.seed.loginFailuresLeft(address)).toBeGreaterThan(800);
        expect(await world.seed.loginFailuresLeft(address)).toBeLessThanOrEqual(900);
      }
    });

    it('make the next attempt wait, ever longer and at most 2 s, the same for accounts that do not exist', async () => {
      const { email } = await world.seed.user(world.tenantId);
      const waits = async (address: string): Promise<void> => {
        // Failures before, and the milliseconds that they cost.
        for (const [failures, delay] of [
          [2, 0],
          [3, 125],
          [5, 500],
          [1_000_000, 2_000],
        ] as const) {
          await world.seed.setLoginFailures(address, failures);
          const { status, took } = await timed(address);
          expect(status).toBe(401);
          expect(took).toBeGreaterThanOrEqual(delay - 5);
          expect(took).toBeLessThan(delay + 1_500);
        }
      };
      await Promise.all([email, nobody()].map(waits));
    });

    it('never lock anybody out: the right one opens the account, and the others are forgotten', async () => {
      const { email, password } = await world.seed.user(world.tenantId);
      await world.seed.setLoginFailures(email, 1_000_000);
      const first = await timed(email, password);
      expect(first.status).toBe(200);
      expect(first.took).toBeLessThan(5_000);
      expect(await world.seed.loginFailures(email)).toBe(0);
      expect((await timed(email, password)).took).toBeLessThan(1_500);
    });

    it('of one account slow no other down', async () => {
      const { email, password } = await world.seed.user(world.tenantId);
      const victim = nobody();
      await world.seed.setLoginFailures(victim, 100);
      const storm = Promise.all(Array.from({ length: 10 }, () => attempt(victim)));
      const { status, took } = await timed(email, password);
      expect(status).toBe(200);
      expect(took).toBeLessThan(1_500);
      await storm;
    });

    it('of a disabled user count as those of nobody, the right one among them', async () => {
      const { id, email, password } = await world.seed.user(world.tenantId);
      await world.seed.query('UPDATE users SET disabled_at = now() WHERE id = $1', [id]);
      await attempt(email, password);
      await attempt(email);
      expect(await world.seed.loginFailures(email)).toBe(2);
    });
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
