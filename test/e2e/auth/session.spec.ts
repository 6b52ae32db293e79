import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem } from '../../harness/api.js';
import { useWorld } from '../../harness/world.js';

const ME = '/api/v1/auth/me';
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Of somebody who would like to be believed. */
const OWN_KEY = 'k'.repeat(64);
const jwkOf = (key: string) => ({ kty: 'oct', alg: 'HS256', k: Buffer.from(key).toString('base64url') });

/** The object as JSON, with one member a second time, behind the others. */
const twice = (object: object, name: string, value: unknown, quoted = true) =>
  JSON.stringify(object).replace(/\}$/, `,"${name}":${quoted ? JSON.stringify(value) : String(value)}}`);

describe('sessions and access tokens', () => {
  const world = useWorld();
  let header: Record<string, unknown>;
  let claims: Record<string, unknown>;
  let secret: string;

  beforeAll(() => {
    const [first = '', second = ''] = (world.owner.token ?? '').split('.');
    header = JSON.parse(Buffer.from(first, 'base64url').toString()) as typeof header;
    claims = JSON.parse(Buffer.from(second, 'base64url').toString()) as typeof claims;
    secret = readFileSync(world.stack.jwtSecretFile, 'utf8').trim();
  });

  const sign = (head: object, payload: object, key = secret) => {
    const text = `${encode(head)}.${encode(payload)}`;
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
  };
  const signText = (head: string, payload: string) => {
    const text = [head, payload].map((part) => Buffer.from(part).toString('base64url')).join('.');
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  };
  const sessionOf = ({ token = '' }: Api): unknown =>
    (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sid: unknown }).sid;
  const me = (token: string) => world.anonymous.as(token).send(ME);

  it('200: who I am', async () => {
    const answer = await world.owner.send(ME);
    expect(answer.json).toEqual({
      id: world.ownerAccount.id,
      email: world.ownerAccount.email,
      role: 'user',
      tenantId: world.tenantId,
    });
  });

  it('a token signed with the right key is accepted: the refusals below are not for the signing', async () => {
    expect((await me(sign(header, claims))).status).toBe(200);
  });

  it('401: no credentials', async () => {
    const answer = await world.anonymous.send(ME);
    expectProblem(answer, 401, 'unauthenticated');
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  it.each<[string, () => string]>([
    ['alg none', () => `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`],
    ['alg none with a signature', () => sign({ ...header, alg: 'none' }, claims)],
    ['alg HS512', () => sign({ ...header, alg: 'HS512' }, claims)],
    ['alg RS256', () => sign({ ...header, alg: 'RS256' }, claims)],
    ['another key', () => sign(header, claims, 'x'.repeat(64))],
    ['an empty key', () => sign(header, claims, '')],
    [
      'a changed claim',
      () => (world.owner.token ?? '').replace(/\.[\w-]+\./, `.${encode({ ...claims, sub: '1' })}.`),
    ],
    ['no signature', () => (world.owner.token ?? '').replace(/[\w-]+$/, '')],
    ['another issuer', () => sign(header, { ...claims, iss: 'elsewhere' })],
    ['another audience', () => sign(header, { ...claims, aud: 'elsewhere' })],
    ['no audience', () => sign(header, { ...claims, aud: undefined })],
    ['another type', () => sign({ ...header, typ: 'JWT' }, claims)],
    ['no type', () => sign({ ...header, typ: undefined }, claims)],
    ['expired', () => sign(header, { ...claims, exp: Math.floor(Date.now() / 1000) - 1 })],
    ['without an end', () => sign(header, { ...claims, exp: undefined })],
    ['not yet valid', () => sign(header, { ...claims, nbf: Math.floor(Date.now() / 1000) + 60 })],
    ['another user', () => sign(header, { ...claims, sub: world.memberAccount.id })],
    ['another uid', () => sign(header, { ...claims, uid: '00000000-0000-4000-8000-000000000000' })],
    ['a uid that is none', () => sign(header, { ...claims, uid: 'x' })],
    ['an unknown session', () => sign(header, { ...claims, sid: 'AAAAAAAAAAAAAAAAAAAAAA' })],
    ['no session', () => sign(header, { ...claims, sid: undefined })],
    ['a session that is an object', () => sign(header, { ...claims, sid: { $ne: 1 } })],
    ['a claim that is no object', () => sign(header, [])],
    ['four kilobytes', () => sign(header, { ...claims, x: 'x'.repeat(3_000) })],
    ['no key id', () => sign({ ...header, kid: undefined }, claims)],
    ['an empty key id', () => sign({ ...header, kid: '' }, claims)],
    ['an unknown key id', () => sign({ ...header, kid: 'other' }, claims)],
    ['the key id in another case', () => sign({ ...header, kid: 'DEFAULT' }, claims)],
    ['a key id that is null', () => sign({ ...header, kid: null }, claims)],
    ['a key id that is a number', () => sign({ ...header, kid: 0 }, claims)],
    ['a key id that is an array', () => sign({ ...header, kid: [header.kid] }, claims)],
    ['a key id that is an object', () => sign({ ...header, kid: { toString: header.kid } }, claims)],
    ['a path as key id', () => sign({ ...header, kid: '../../../../dev/null' }, claims, '')],
    ['SQL as key id', () => sign({ ...header, kid: "x' UNION SELECT 'x" }, claims, 'x')],
    ['a member of every object as key id', () => sign({ ...header, kid: '__proto__' }, claims)],
    ['a critical extension (RFC 7515 §4.1.11)', () => sign({ ...header, crit: ['exp'], exp: 1 }, claims)],
    ['an unencoded payload (RFC 7797)', () => sign({ ...header, b64: false, crit: ['b64'] }, claims)],
    ['a key that comes along', () => sign({ ...header, jwk: jwkOf(OWN_KEY) }, claims, OWN_KEY)],
    [
      'a key that comes along, though ours has signed',
      () => sign({ ...header, jwk: jwkOf(OWN_KEY) }, claims),
    ],
    ['a key set elsewhere', () => sign({ ...header, jku: 'http://127.0.0.1:1/keys' }, claims, OWN_KEY)],
    ['a certificate elsewhere', () => sign({ ...header, x5u: 'http://127.0.0.1:1/cert' }, claims, OWN_KEY)],
    ['a certificate that comes along', () => sign({ ...header, x5c: ['MIIB'] }, claims, OWN_KEY)],
    ['compressed', () => sign({ ...header, zip: 'DEF' }, claims)],
    ['alg in another case', () => sign({ ...header, alg: 'hs256' }, claims)],
    ['alg as an array', () => sign({ ...header, alg: ['HS256'] }, claims)],
    ['no alg', () => sign({ ...header, alg: undefined }, claims)],
    ['alg twice, the last one none', () => signText(twice(header, 'alg', 'none'), JSON.stringify(claims))],
    [
      'a user twice, the last one another',
      () => signText(JSON.stringify(header), twice(claims, 'sub', world.memberAccount.id)),
    ],
    [
      'a tenant twice, the last one another',
      () => signText(JSON.stringify(header), twice(claims, 'tid', world.foreignTenantId)),
    ],
    ['an end twice, the last one over', () => signText(JSON.stringify(header), twice(claims, 'exp', 1))],
    ['another tenant', () => sign(header, { ...claims, tid: world.foreignTenantId })],
    ['a tenant that is none', () => sign(header, { ...claims, tid: '9223372036854775807' })],
    ['no tenant', () => sign(header, { ...claims, tid: undefined })],
    ['a tenant that is a number', () => sign(header, { ...claims, tid: Number(claims.tid) })],
    ['a tenant that is an array', () => sign(header, { ...claims, tid: [claims.tid] })],
    ['a user that is a number', () => sign(header, { ...claims, sub: Number(claims.sub) })],
    ['a user that is SQL', () => sign(header, { ...claims, sub: '1 OR 1=1' })],
    ['no user', () => sign(header, { ...claims, sub: undefined })],
    ['an end that is a text', () => sign(header, { ...claims, exp: '9999999999' })],
    ['an end that is endless', () => signText(JSON.stringify(header), twice(claims, 'exp', '1e999', false))],
    ['a session with its key’s braces', () => sign(header, { ...claims, sid: `{${String(claims.sid)}}` })],
    ['the session of a colleague', () => sign(header, { ...claims, sid: sessionOf(world.member) })],
    ['no JWT', () => 'x.y.z'],
    ['one part', () => 'abc'],
  ])('401: %s', async (_name, token) => {
    expectProblem(await me(token()), 401, 'unauthenticated');
  });

  it('401: another tenant, though the session is known already', async () => {
    expect((await world.owner.send(ME)).status).toBe(200);
    expectProblem(await me(sign(header, { ...claims, tid: world.foreignTenantId })), 401, 'unauthenticated');
    expect((await world.owner.send(ME)).json).toMatchObject({ tenantId: world.tenantId });
  });

  it('431: a token that no header buffer takes', async () => {
    expectProblem(await me(sign(header, { ...claims, x: 'x'.repeat(60_000) })), 431, 'headers-too-large');
  });

  it.each(['Bearer', 'Bearer ', 'Token x', 'bearer a b', 'Basic YTpi', 'Bearer \u00e9'])(
    '401: Authorization: %j',
    async (authorization) => {
      expectProblem(await world.anonymous.send(ME, { headers: { authorization } }), 401, 'unauthenticated');
    },
  );

  it('the scheme is case-insensitive (RFC 9110 §11.1)', async () => {
    const headers = { authorization: `bEARER ${world.owner.token ?? ''}` };
    expect((await world.anonymous.send(ME, { headers })).status).toBe(200);
  });

  it('logout ends this session and no other, at the next request', async () => {
    const { email, password } = world.ownerAccount;
    const [one, two] = await Promise.all([
      world.anonymous.login(email, password),
      world.anonymous.login(email, password),
    ]);
    expect((await one.send('/api/v1/auth/logout', { method: 'POST' })).status).toBe(204);
    expectProblem(await one.send(ME), 401, 'unauthenticated');
    expectProblem(await one.send('/api/v1/auth/logout', { method: 'POST' }), 401, 'unauthenticated');
    expect((await two.send(ME)).status).toBe(200);
  });

  it('an empty body said to be JSON, as many clients send it, does not keep a session from ending', async () => {
    const { email, password } = world.ownerAccount;
    const session = await world.anonymous.login(email, password);
    const headers = { 'Content-Type': 'application/json' };
    expect((await session.send('/api/v1/auth/logout', { method: 'POST', headers })).status).toBe(204);
    expectProblem(await session.send(ME), 401, 'unauthenticated');
  });

  it('a disabled user is refused at the next request', async () => {
    const account = await world.seed.user(world.tenantId);
    const session = await world.anonymous.login(account.email, account.password);
    expect((await session.send(ME)).status).toBe(200);
    expect((await world.admin.patch(`/api/v1/users/${account.id}`, { disabled: true })).status).toBe(200);
    expectProblem(await session.send(ME), 401, 'unauthenticated');
  });

  it('an id that came back with another uid, as after a restore, opens nothing', async () => {
    const account = await world.seed.user(world.tenantId);
    const session = await world.anonymous.login(account.email, account.password);
    await world.seed.query('UPDATE users SET uid = gen_random_uuid() WHERE id = $1', [account.id]);
    await world.seed.changed(`user:${account.id}`);
    expectProblem(await session.send(ME), 401, 'unauthenticated');
  });

  it('a session lives in Redis with a time to live, and holds no secret', async () => {
    const redis = new Redis(world.stack.redisUrl);
    try {
      const key = `session:{${String(claims.sid)}}`;
      expect(await redis.ttl(key)).toBeGreaterThan(2_590_000);
      const fields = await redis.hgetall(key);
      expect(Object.keys(fields).toSorted()).toEqual([
        'createdAt',
        'epoch',
        'expiresAt',
        'generation',
        'id',
        'ip',
        'lastSeenAt',
        'lastSeenIp',
        'tenantId',
        'userAgent',
        'userId',
        'userUid',
      ]);
      expect(fields.ip).toBe('127.0.0.1');
    } finally {
      redis.disconnect();
    }
  });
});
