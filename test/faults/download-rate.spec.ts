import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem, type FileJson } from '../harness/api.js';
import { mint } from '../harness/download-tokens.js';
import type { Answer } from '../harness/http.js';
import { useOwnStack } from '../harness/own-stack.js';
import { Seed } from '../harness/seed.js';

const LIMIT = 20;
const MISSES = 5;
const NO_SUCH_FILE = '9000000000000000000';

/** RULES 1.2, 4.6, 9; real: two replicas, whose counts are one in Redis. */
describe('RATE_LIMIT_DOWNLOADS on two replicas', () => {
  const own = useOwnStack(
    { RATE_LIMIT_DOWNLOADS: String(LIMIT), RATE_LIMIT_TOKEN_MISSES: String(MISSES) },
    { replicas: 2 },
  );
  let seed: Seed;
  let tenantId: string;
  let used = 0;

  beforeAll(async () => {
    seed = Seed.open(own.stack);
    tenantId = await seed.tenant();
  });
  afterAll(() => seed.close());

  const newUser = async (): Promise<Api> => {
    const { email, password } = await seed.user(tenantId);
    return own.anonymous.login(email, password);
  };
  /** Past nginx, from where a proxy says; replicas in turn. */
  const from = (
    api: Api,
    address: string,
    path: string,
    { method = 'GET', ...headers }: Record<string, string> = {},
  ): Promise<Answer> =>
    api
      .via(own.stack.appUrls[(used += 1) % 2] ?? '')
      .send(path, { method, headers: { 'X-Forwarded-For': address, ...headers } });
  const times = async (count: number, request: (at: number) => Promise<Answer>): Promise<number[]> =>
    (await Promise.all(Array.from({ length: count }, (_, at) => request(at)))).map(({ status }) => status);
  const served = (statuses: readonly number[]): number => statuses.filter((status) => status !== 429).length;
  const expectLimited = (answer: Answer): void => {
    expectProblem(answer, 429, 'too-many-requests');
    const seconds = Number(answer.headers['retry-after']);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
    expect(answer.headers['ratelimit-policy']).toBe(`"downloads";q=${LIMIT};w=60`);
    expect(answer.headers.ratelimit).toBe(`"downloads";r=0;t=${seconds}`);
    expect(answer.headers['cache-control']).toBe('no-store');
  };
  const secret = (): Promise<FileJson> => own.admin.upload(randomBytes(10));

  it('a user: as many as are allowed, whichever replica counts and from wherever it asks; another has its own', async () => {
    const [user, other] = [await newUser(), await newUser()];
    const { id } = await user.upload(randomBytes(10), { visibility: 'tenant' });
    const statuses = await times(LIMIT + 10, (at) => from(user, `192.0.2.${at}`, `/download/${id}`));
    expect(served(statuses)).toBe(LIMIT);
    expectLimited(await from(user, '192.0.2.1', `/download/${id}`));
    expect((await from(user, '192.0.2.1', `/download/${id}`, { method: 'HEAD' })).status).toBe(429);
    expect((await from(other, '192.0.2.1', `/download/${id}`)).status).toBe(200);
    // The API has a limit of its own.
    expect((await user.send('/api/v1/auth/me')).status).toBe(200);
  });

  it('each client of a token; its minter and other clients are not held up', async () => {
    const user = await newUser();
    const { id } = await user.upload(randomBytes(10));
    const { token } = await mint(user, id, { maxConcurrent: 1_000 });
    const path = `/download/${id}?token=${token}`;
    const ask = (address: string, agent = 'one') =>
      from(own.anonymous, address, path, { 'User-Agent': agent });
    expect(served(await times(LIMIT + 10, () => ask('192.0.2.1')))).toBe(LIMIT);
    expectLimited(await ask('192.0.2.1'));
    // What a client may choose by itself, its cookie, makes no other client of it.
    const cookie = `dl=${randomBytes(16).toString('base64url')}`;
    expectLimited(await from(own.anonymous, '192.0.2.1', path, { 'User-Agent': 'one', Cookie: cookie }));
    expect((await ask('192.0.2.2')).status).toBe(200);
    expect((await from(user, '192.0.2.1', `/download/${id}`)).status).toBe(200);
  });

  it.each([
    ['an address', () => '198.51.100.7', '198.51.100.8'],
    ['the /64 of an IPv6 address', (at: number) => `2001:db8:7:1::${at + 1}`, '2001:db8:7:2::1'],
    [
      'an IPv4 address in whatever clothes',
      (at: number) => (at % 2 ? '' : '::ffff:') + '203.0.113.9',
      '203.0.113.8',
    ],
  ])('without credentials: %s', async (_, addressOf, neighbour) => {
    const { id } = await own.admin.upload(randomBytes(10), { visibility: 'public' });
    const ask = (address: string) => from(own.anonymous, address, `/download/${id}`);
    expect(served(await times(LIMIT + 10, (at) => ask(addressOf(at))))).toBe(LIMIT);
    expectLimited(await ask(addressOf(0)));
    expect((await ask(neighbour)).status).toBe(200);
  });

  it('X-Forwarded-For of a client makes nobody of it: our nginx overwrites it', async () => {
    const { id } = await own.admin.upload(randomBytes(10), { visibility: 'public' });
    const statuses = await times(LIMIT + 10, (at) =>
      own.anonymous.download(id, { 'X-Forwarded-For': `10.0.0.${at}` }),
    );
    expect(served(statuses)).toBe(LIMIT);
  });

  it.each<[string, Record<string, string>, number]>([
    ['HEAD', { method: 'HEAD' }, 200],
    ['304', { 'If-None-Match': '*' }, 304],
    ['probes', { Range: 'bytes=0-0' }, 206],
    ['412', { 'If-Match': '"x"' }, 412],
    ['416', { Range: 'bytes=99-' }, 416],
  ])('%s counts', async (_, headers, status) => {
    const user = await newUser();
    const { id } = await user.upload(randomBytes(10));
    // Sometimes a decision is kept, and sometimes it is made anew.
    for (let round = 0; round < LIMIT; round += 1) {
      if (round % 3 === 0) await seed.changed(`file:${id}`);
      expect((await from(user, '192.0.2.1', `/download/${id}`, headers)).status).toBe(status);
    }
    expect((await from(user, '192.0.2.1', `/download/${id}`, headers)).status).toBe(429);
    expectLimited(await from(user, '192.0.2.1', `/download/${id}`));
  });

  it('unknown ids and files of others count, and beyond the limit nobody asks PostgreSQL', async () => {
    const user = await newUser();
    const { id } = await secret();
    const ask = (at: number) => from(user, '192.0.2.1', `/download/${at % 2 ? id : NO_SUCH_FILE}`);
    for (let at = 0; at < LIMIT; at += 1) expect((await ask(at)).status).toBe(404);
    const anonymously = (at: number) =>
      from(own.anonymous, '198.51.100.99', `/download/${at % 2 ? id : NO_SUCH_FILE}`);
    for (let at = 0; at < LIMIT; at += 1) expect((await anonymously(at)).status).toBe(401);
    // Both replicas know who it is.
    for (let at = 0; at < 2; at += 1) expectLimited(await ask(at));
    await own.stack.postgres?.stop();
    try {
      for (let at = 0; at < 10; at += 1) {
        expectLimited(await ask(at));
        expectLimited(await anonymously(at));
      }
      // Whoever has some left would need it.
      const other = await from(own.anonymous, '198.51.100.98', `/download/${NO_SUCH_FILE}`);
      expectProblem(other, 503, 'dependency-unavailable');
    } finally {
      await own.stack.postgres?.start();
    }
  });

  it('the window is fixed: what is refused does not lengthen it, and when it is over all is there again', async () => {
    const user = await newUser();
    const { id } = await user.upload(randomBytes(10));
    const ask = () => from(user, '192.0.2.1', `/download/${id}`, { method: 'HEAD' });
    await times(LIMIT, ask);
    const me = (await user.send('/api/v1/auth/me')).json as { id: string };
    const [key = ''] = await seed.redis.keys(`throttle:*:downloads:user:${me.id}`);
    await seed.redis.pexpire(key, 400);
    expect(served(await times(10, ask))).toBe(0);
    expect(await seed.redis.pttl(key)).toBeLessThanOrEqual(400);
    await new Promise((resolve) => setTimeout(resolve, 450));
    expect(served(await times(LIMIT + 5, ask))).toBe(LIMIT);
    // A counter that lost its time to live locks nobody out for ever.
    await seed.redis.persist(key);
    expect((await ask()).status).toBe(200);
    expect(await seed.redis.pttl(key)).toBeGreaterThan(0);
  });

  describe('RATE_LIMIT_TOKEN_MISSES', () => {
    const made = () => `dlt_${randomBytes(32).toString('base64url')}`;
    const expectMissing = (answer: Answer): void => {
      expectProblem(answer, 429, 'too-many-requests');
      expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
    };

    it.each<[string, (id: string) => Promise<string>]>([
      ['made up', () => Promise.resolve(made())],
      ['no tokens at all', () => Promise.resolve('x')],
      [
        'of another file',
        async () => {
          const other = await secret();
          return (await mint(own.admin, other.id)).token;
        },
      ],
    ])('those that are %s are counted by address, on both replicas', async (what, tokenFor) => {
      const user = await newUser();
      const { id } = await user.upload(randomBytes(10));
      const { token } = await mint(user, id);
      const address = `2001:db8:${what.length}:1::`;
      const ask = (text: string, host: number | string) =>
        from(own.anonymous, `${address}${host}`, `/download/${id}?token=${text}`, { method: 'HEAD' });
      const miss = async (host: number): Promise<Answer> =>
        from(own.anonymous, `${address}${host}`, `/download/${id}?token=${await tokenFor(id)}`);
      for (let host = 1; host <= MISSES; host += 1) {
        expectProblem(await miss(host), 403, 'token-invalid');
      }
      expectMissing(await from(own.anonymous, `${address}1`, `/download/${id}?token=${made()}`));
      expectMissing(await from(own.anonymous, `${address}2`, `/download/${id}?token=${made()}`));
      // Elsewhere nobody is held up.
      expectProblem(
        await from(own.anonymous, `2001:db8:${what.length}:2::1`, `/download/${id}?token=${made()}`),
        403,
        'token-invalid',
      );
      expect((await ask(token, '9')).status).toBe(429);
      await seed.redis.del(...(await seed.redis.keys(`*token-misses:*2001:db8:${what.length}:1*`)));
      expect((await ask(token, '9')).status).toBe(200);
    });
  });
});
