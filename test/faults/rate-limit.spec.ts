import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem } from '../harness/api.js';
import type { Answer } from '../harness/http.js';
import { ADMIN, useOwnStack } from '../harness/own-stack.js';
import { newApiKey } from '../../src/modules/auth/api-keys/api-key-text.js';
import { Seed } from '../harness/seed.js';

const ME = '/api/v1/auth/me';
const LOGIN = '/api/v1/auth/login';

describe('request rate', () => {
  const own = useOwnStack({ RATE_LIMIT_API: '20', RATE_LIMIT_LOGINS: '5' });
  let seed: Seed;
  let redis: Redis;

  beforeAll(() => {
    seed = Seed.open(own.stack);
    redis = new Redis(own.stack.redisUrl);
  });
  afterAll(async () => {
    redis.disconnect();
    await seed.close();
  });

  const newUser = async (): Promise<Api> => {
    const { email, password } = await seed.user(await seed.defaultTenant());
    return own.anonymous.login(email, password);
  };
  const statuses = (answers: readonly Answer[], status: number) =>
    answers.filter((answer) => answer.status === status);
  const times = (count: number, request: (at: number) => Promise<Answer>) =>
    Promise.all(Array.from({ length: count }, (_, at) => request(at)));

  it('of 50 requests at once 20 are served, whichever replica counts; the others hear when to come back', async () => {
    const user = await newUser();
    const answers = await times(50, () => user.send(ME));
    expect(statuses(answers, 200)).toHaveLength(20);
    const refused = statuses(answers, 429);
    expect(refused).toHaveLength(30);
    for (const answer of refused) {
      expectProblem(answer, 429, 'too-many-requests');
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
      expect(answer.headers['ratelimit-policy']).toBe('"api";q=20;w=60');
      expect(answer.headers.ratelimit).toMatch(/^"api";r=0;t=\d+$/);
    }
    const remaining = statuses(answers, 200).map(({ headers }) =>
      Number(/r=(\d+)/.exec(String(headers.ratelimit))?.[1]),
    );
    expect(remaining.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => at));
  });

  it('counts the principal, not the address: another user is served, and so is the health probe', async () => {
    const [one, two] = [await newUser(), await newUser()];
    await times(25, () => one.send(ME));
    expect((await one.send(ME)).status).toBe(429);
    expect((await two.send(ME)).status).toBe(200);
    expect((await own.anonymous.send('/health/ready')).status).toBe(200);
    expect((await own.anonymous.send('/health/ready')).headers.ratelimit).toBeUndefined();
  });

  it('serves again when the window is over', async () => {
    const user = await newUser();
    const { id } = (await user.send(ME)).json as { id: string };
    await times(25, () => user.send(ME));
    expect((await user.send(ME)).status).toBe(429);
    const key = `throttle:{api:user:${id}}`;
    expect(await redis.pttl(key)).toBeGreaterThan(0);
    await redis.pexpire(key, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await user.send(ME)).status).toBe(200);
  });

  it('a counter that lost its time to live gets one again: nobody is locked out for ever', async () => {
    const user = await newUser();
    const { id } = (await user.send(ME)).json as { id: string };
    const key = `throttle:{api:user:${id}}`;
    await redis.persist(key);
    await user.send(ME);
    expect(await redis.pttl(key)).toBeGreaterThan(0);
  });

  it('logins are counted by address and account', async () => {
    const account = await seed.user(await seed.defaultTenant());
    const other = await seed.user(await seed.defaultTenant());
    const attempt = (email: string) => own.anonymous.post(LOGIN, { email, password: 'wrong' });
    for (let round = 0; round < 5; round += 1) expect((await attempt(account.email)).status).toBe(401);
    const refused = await attempt(account.email.toUpperCase());
    expectProblem(refused, 429, 'too-many-requests');
    expect(refused.headers['ratelimit-policy']).toBe('"login";q=5;w=60');
    expect((await attempt(other.email)).status).toBe(401);
  });

  it('logins are counted by address as well, whatever accounts are tried from there and in whatever form', async () => {
    const past = own.anonymous.via(own.stack.appUrl);
    let tried = 0;
    const attempt = (address: string, login: object) =>
      past.send(LOGIN, {
        method: 'POST',
        body: JSON.stringify(login),
        headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': address },
      });
    const another = () => ({ email: `${(tried += 1)}@example.com`, password: 'wrong' });
    // Ten accounts' worth. What is no login at all costs no hash, and counts.
    const odd = [{}, { email: ['x'] }, { email: 'x' }, { email: 7, password: 'x' }];
    for (const login of odd) expect((await attempt('198.51.100.7', login)).status).toBe(400);
    for (let at = 0; at < 44; at += 1) {
      expect((await attempt('198.51.100.7', { email: another().email })).status).toBe(400);
    }
    for (let at = 0; at < 2; at += 1) expect((await attempt('198.51.100.7', another())).status).toBe(401);
    const refused = await attempt('198.51.100.7', another());
    expectProblem(refused, 429, 'too-many-requests');
    expect(refused.headers['ratelimit-policy']).toBe('"login";q=5;w=60, "login-address";q=50;w=60');
    expect(refused.headers.ratelimit).toMatch(/^"login";r=4;t=\d+, "login-address";r=0;t=\d+$/);
    // Right ones too: whoever shares the address waits a minute, and everybody else does not.
    expect((await attempt('198.51.100.7', ADMIN)).status).toBe(429);
    expect((await attempt('198.51.100.8', ADMIN)).status).toBe(200);
  });

  it('passwords that are tried at /auth/password are counted by user, whichever session they come by', async () => {
    const account = await seed.user(await seed.defaultTenant());
    const { email, password } = account;
    const sessions = [await own.anonymous.login(email, password), await own.anonymous.login(email, password)];
    const attempt = (at: number, currentPassword: string) =>
      sessions[at % 2]?.post('/api/v1/auth/password', { currentPassword, newPassword: 'a new password' });
    for (let at = 0; at < 5; at += 1) expect((await attempt(at, 'wrong'))?.status).toBe(403);
    expect((await attempt(0, password))?.status).toBe(429);
    expect((await attempt(1, password))?.status).toBe(429);
    expect((await sessions[0]?.send(ME))?.status).toBe(200);
  });

  it('API keys that nobody has are counted by address: whoever makes them up is refused before the database is asked', async () => {
    const from = (apiKey: string, address: string) =>
      own.anonymous
        .via(own.stack.appUrl)
        .withKey(apiKey)
        .send('/api/v1/files', { headers: { 'X-Forwarded-For': address } });
    const user = await newUser();
    const made = await user.post('/api/v1/auth/api-keys', { name: 'x', scopes: ['files:read'] });
    const { key } = made.json as { key: string };
    expect((await from(key, '203.0.113.50')).status).toBe(200);
    for (let round = 0; round < 20; round += 1)
      expectProblem(await from(newApiKey().text, '203.0.113.50'), 401, 'unauthenticated');
    expectProblem(await from(newApiKey().text, '203.0.113.50'), 429, 'too-many-requests');
    // Those that are known go on, and so does everybody elsewhere.
    expect((await from(key, '203.0.113.50')).status).toBe(200);
    expectProblem(await from(newApiKey().text, '203.0.113.51'), 401, 'unauthenticated');
  });

  it('believes X-Forwarded-For only from a trusted proxy, read from the right, IPv6 by /64', async () => {
    const past = own.anonymous.via(own.stack.appUrl);
    const account = await seed.user(await seed.defaultTenant());
    const attempt = async (api: Api, forwarded: string): Promise<Answer> => {
      // The account's own delay is another matter, and takes its time.
      await seed.forgetLoginFailures(account.email);
      return api.send(LOGIN, {
        method: 'POST',
        body: JSON.stringify({ email: account.email, password: 'wrong' }),
        headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': forwarded },
      });
    };
    // Loopback is trusted: the right-most address that is not a proxy counts; what stands left of it is hearsay.
    for (let at = 0; at < 5; at += 1)
      expect((await attempt(past, `10.9.8.${at}, 203.0.113.7`)).status).toBe(401);
    expect((await attempt(past, '198.51.100.1, 203.0.113.7')).status).toBe(429);
    expect((await attempt(past, '::ffff:203.0.113.7')).status).toBe(429);
    expect((await attempt(past, '203.0.113.8')).status).toBe(401);
    for (let at = 0; at < 5; at += 1)
      expect((await attempt(past, `2001:db8:0:1::${at + 1}`)).status).toBe(401);
    expect((await attempt(past, '2001:db8::1:ffff:0:0:1')).status).toBe(429);
    expect((await attempt(past, '2001:db8:0:2::1')).status).toBe(401);
    // Our nginx overwrites the header: through it every claim is the same client.
    for (let at = 0; at < 5; at += 1) expect((await attempt(own.anonymous, `10.1.1.${at}`)).status).toBe(401);
    expect((await attempt(own.anonymous, '10.2.2.2')).status).toBe(429);
  });

  it('Redis frozen: 503, not 500 and not unlimited', async () => {
    const user = await own.anonymous.login(ADMIN.email, ADMIN.password);
    own.stack.redis?.kill('SIGSTOP');
    try {
      expectProblem(
        await own.anonymous.post(LOGIN, { email: 'x@example.com', password: 'x' }),
        503,
        'dependency-unavailable',
      );
      expectProblem(await user.send(ME), 503, 'dependency-unavailable');
    } finally {
      own.stack.redis?.kill('SIGCONT');
    }
  });
});
