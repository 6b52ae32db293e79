import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem } from '../../harness/api.js';
import { macJwt, type Members, readJwt, signJwt, unsignedJwt } from '../../harness/forge-jwt.js';
import { AUDIENCE, IdentityProvider, newSigningKey } from '../../harness/oidc-provider.js';
import { useOwnStack } from '../../harness/own-stack.js';
import { Seed } from '../../harness/seed.js';

const ME = '/api/v1/auth/me';
/** Nobody listens there. */
const AWAY = 'http://127.0.0.1:1';
/** Until the keys may be fetched again, and a bit. */
const COOLED_DOWN = { timeout: 15_000, interval: 500 };

const now = (): number => Math.floor(Date.now() / 1_000);
const someone = (): string => `someone-${randomBytes(6).toString('hex')}`;

interface Me {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly tenantId: string;
}

/** Real: a certified provider on loopback, and a stack of its own that trusts it. */
describe('tokens of an identity provider', () => {
  let acme: IdentityProvider;
  let globex: IdentityProvider;
  const env: Record<string, string> = { LOG_LEVEL: 'debug', RATE_LIMIT_API: '1000000' };
  beforeAll(async () => {
    [acme, globex] = await Promise.all([IdentityProvider.start(), IdentityProvider.start()]);
    const roles = { 'dl-admins': 'admin', 'dl-operators': 'operator', staff: 'user' };
    env.OIDC_ISSUERS = JSON.stringify([
      { issuer: acme.issuer, audience: ['other', AUDIENCE], tenant: 'acme', roleClaim: 'groups', roles },
      {
        ...{ issuer: globex.issuer, audience: AUDIENCE, tenant: 'globex', defaultRole: null },
        ...{ jwksUri: `${globex.issuer}/jwks`, roleClaim: 'realm_access.roles', roles, emailClaim: 'upn' },
      },
      { issuer: AWAY, audience: AUDIENCE, tenant: 'acme' },
      // The same provider under a name that it does not call itself.
      { issuer: acme.issuer.replace('127.0.0.1', 'localhost'), audience: AUDIENCE, tenant: 'globex' },
    ]);
  });
  const own = useOwnStack(env);
  let seed: Seed;
  const tenants: Record<string, string> = {};
  /** A token that nothing is wrong with, and its parts. */
  let good: string;
  let header: Members;
  let payload: Members;

  beforeAll(async () => {
    seed = Seed.open(own.stack);
    for (const slug of ['acme', 'globex']) {
      const answer = await own.admin.post('/api/v1/tenants', { name: slug, slug });
      tenants[slug] = (answer.json as { id: string }).id;
    }
    good = await acme.token(someone());
    ({ header, payload } = readJwt(good));
  });
  afterAll(async () => {
    await Promise.all([acme.stop(), globex.stop(), seed.close()]);
  });

  const as = (token: string): Api => own.anonymous.as(token);
  const meAs = async (token: string): Promise<Me> => {
    const answer = await as(token).send(ME);
    expect(answer.status, answer.text).toBe(200);
    return answer.json as Me;
  };
  const auditOf = (userId: string) =>
    seed.query<{ action: string; credential: string; actor_id: string; ip: string; detail: Members }>(
      `SELECT action, credential, actor_id, ip, detail FROM audit_log WHERE object_kind = 'user' AND object_id = $1 ORDER BY id`,
      [userId],
    );

  describe('coming in', () => {
    it('a person by the code flow with PKCE: an account at first sight, the same one ever after', async () => {
      const name = someone();
      const { accessToken } = await acme.logIn(name);
      const me = await meAs(accessToken);
      expect(me).toEqual({
        id: expect.stringMatching(/^\d+$/) as unknown,
        email: `${name}@people.example.com`,
        role: 'user',
        tenantId: tenants.acme,
      });
      expect(await meAs((await acme.logIn(name)).accessToken)).toEqual(me);
      expect(await auditOf(me.id)).toEqual([
        {
          ...{ action: 'user.create', credential: 'oidc', actor_id: me.id, ip: '127.0.0.1' },
          detail: { email: me.email, role: 'user', issuer: acme.issuer },
        },
      ]);
    });

    it('401: an ID token, which is meant for the program that asked for it', async () => {
      const { idToken } = await acme.logIn(someone());
      expect(readJwt(idToken).payload.aud).toBe('portal');
      expectProblem(await as(idToken).send(ME), 401, 'unauthenticated');
    });

    it('uploads, downloads and has API keys like any user of the tenant', async () => {
      const api = as(await acme.token(someone(), { email: `${someone()}@EXAMPLE.com` }));
      const bytes = randomBytes(10_000);
      const file = await api.upload(bytes);
      expect((await api.download(file.id)).body.equals(bytes)).toBe(true);
      const key = await api.post('/api/v1/auth/api-keys', { name: 'x', scopes: ['download'] });
      expect(key.status, key.text).toBe(201);
      const byKey = own.anonymous.withKey((key.json as { key: string }).key);
      expect((await byKey.download(file.id)).status).toBe(200);
      // Of a colleague, and of another company.
      expectProblem(await as(await acme.token(someone())).download(file.id), 404, 'file-not-found');
      const admin = { realm_access: { roles: ['dl-admins'] } };
      const stranger = as(await globex.token(someone(), admin));
      expectProblem(await stranger.download(file.id), 404, 'file-not-found');
      expectProblem(await stranger.send(`/api/v1/files/${file.id}`), 404, 'file-not-found');
    });

    it('20 first requests at once make one account', async () => {
      const [one, other] = [someone(), someone()];
      // Tokens of different ages: nothing that one process keeps for one of them helps the others.
      const tokens = await Promise.all(
        Array.from({ length: 20 }, (_, age) =>
          age % 2 === 0
            ? acme.token(one, { email: `${one}@example.com`, iat: now() - age })
            : acme.token(other, { iat: now() - age }),
        ),
      );
      const answers = await Promise.all(tokens.map((token) => as(token).send(ME)));
      for (const answer of answers) expect(answer.status, answer.text).toBe(200);
      expect(new Set(answers.map(({ json }) => (json as Me).id)).size).toBe(2);
      const rows = await seed.query('SELECT FROM user_identities WHERE subject = ANY($1)', [[one, other]]);
      expect(rows).toHaveLength(2);
    });

    it('the same subject of two providers is two people', async () => {
      const name = someone();
      const one = await meAs(await acme.token(name));
      const other = await meAs(await globex.token(name, { realm_access: { roles: ['staff'] } }));
      expect(other.id).not.toBe(one.id);
      expect([one.tenantId, other.tenantId]).toEqual([tenants.acme, tenants.globex]);
    });

    it('has no password, cannot make one up, and logging out changes nothing', async () => {
      const name = someone();
      const api = as(await acme.token(name, { email: `${name}@example.com` }));
      const change = { currentPassword: 'guessed', newPassword: 'first light in november' };
      expectProblem(await api.post('/api/v1/auth/password', change), 403, 'wrong-password');
      const login = { email: `${name}@example.com`, password: 'guessed' };
      expectProblem(await own.anonymous.post('/api/v1/auth/login', login), 401, 'unauthenticated');
      expect((await api.send('/api/v1/auth/logout', { method: 'POST' })).status).toBe(204);
      expect((await api.send(ME)).status).toBe(200);
      const sessions = await api.send('/api/v1/auth/sessions');
      expect(sessions.json).toEqual({ items: [] });
    });

    it('tokens of our own go on working beside it', async () => {
      expect((await own.admin.send(ME)).json).toMatchObject({ role: 'operator' });
    });
  });

  describe('the address', () => {
    it('is that of the claim, normalised', async () => {
      const name = someone();
      const token = await acme.token(name, {
        email: `${name.toUpperCase()}@Example.COM`,
        email_verified: true,
      });
      expect((await meAs(token)).email).toBe(`${name}@example.com`);
      const upn = {
        upn: `${name}@upn.example.com`,
        email: 'x@example.com',
        realm_access: { roles: ['staff'] },
      };
      expect((await meAs(await globex.token(name, upn))).email).toBe(`${name}@upn.example.com`);
    });

    it.each<[string, Members]>([
      ['no address', {}],
      ['an unverified one', { email: 'boss@example.com', email_verified: false }],
      ['none that is one', { email: 'not an address' }],
      ['a list', { email: ['boss@example.com'] }],
    ])('%s: one that leads nowhere', async (_name, claims) => {
      const me = await meAs(await acme.token(someone(), claims));
      expect(me.email).toMatch(/^[0-9a-f]{32}@oidc\.invalid$/);
    });

    it('403: of another account: nobody gets an account by naming its address', async () => {
      const account = await seed.user(tenants.acme ?? '');
      const name = someone();
      const claims = { email: account.email.toUpperCase(), email_verified: true };
      const answers = await Promise.all(
        Array.from({ length: 5 }, async () => as(await acme.token(name, claims)).send(ME)),
      );
      for (const answer of answers) expectProblem(answer, 403, 'identity-not-accepted');
      const rows = await seed.query('SELECT FROM user_identities WHERE subject = $1', [name]);
      expect(rows).toHaveLength(0);
      const session = await own.anonymous.login(account.email, account.password);
      expect((await session.send(ME)).json).toMatchObject({ id: account.id, role: 'user' });
    });
  });

  describe('the role', () => {
    it.each<[unknown, string]>([
      [undefined, 'user'],
      ['nothing', 'user'],
      ['dl-admins', 'admin'],
      [['staff', 'dl-admins', 'x'], 'admin'],
      [['staff', 'dl-operators', 'dl-admins'], 'operator'],
      [{ 'dl-admins': true }, 'user'],
      [['__proto__', 'constructor', 7, null, ['dl-admins']], 'user'],
    ])('groups %j: %s', async (groups, role) => {
      expect((await meAs(await acme.token(someone(), { groups }))).role).toBe(role);
    });

    it('comes from within an object', async () => {
      const token = await globex.token(someone(), { realm_access: { roles: ['dl-admins'] } });
      expect((await meAs(token)).role).toBe('admin');
      expect((await as(token).send('/api/v1/users')).status).toBe(200);
    });

    it('403: none that is mapped, where one is needed', async () => {
      const name = someone();
      const answer = await as(await globex.token(name, { realm_access: { roles: ['other'] } })).send(ME);
      expectProblem(answer, 403, 'identity-not-accepted');
      expect(await seed.query('SELECT FROM user_identities WHERE subject = $1', [name])).toHaveLength(0);
    });

    it('follows the newest token, also for those that were issued before', async () => {
      const name = someone();
      const token = (role: string, age: number) =>
        acme.token(name, { groups: [role], iat: now() - age, jti: randomBytes(8).toString('hex') });
      const [older, newer, newest] = [
        await token('dl-admins', 50),
        await token('staff', 40),
        await token('dl-admins', 20),
      ];
      const { id, role } = await meAs(older);
      expect(role).toBe('admin');
      expect((await as(older).send('/api/v1/users')).status).toBe(200);
      expect((await meAs(newer)).role).toBe('user');
      expect((await meAs(older)).role).toBe('user');
      expectProblem(await as(older).send('/api/v1/users'), 403, 'forbidden');
      expectProblem(await as(await token('dl-operators', 45)).send('/api/v1/tenants'), 403, 'forbidden');
      const answers = await Promise.all(Array.from({ length: 10 }, () => meAs(newest)));
      expect(answers.every((me) => me.role === 'admin' && me.id === id)).toBe(true);
      expect((await auditOf(id)).map(({ action, detail }) => [action, detail.role])).toEqual([
        ['user.create', 'admin'],
        ['user.change', 'user'],
        ['user.change', 'admin'],
      ]);
    });
  });

  describe('what is taken away', () => {
    it('401 at the next request: a disabled user; and again 200 when it is enabled', async () => {
      const token = await acme.token(someone());
      const { id } = await meAs(token);
      expect((await own.admin.patch(`/api/v1/users/${id}`, { disabled: true })).status).toBe(200);
      expectProblem(await as(token).send(ME), 401, 'unauthenticated');
      expectProblem(await as(token).send('/download/1'), 401, 'unauthenticated');
      expect((await own.admin.patch(`/api/v1/users/${id}`, { disabled: false })).status).toBe(200);
      expect((await meAs(token)).id).toBe(id);
    });

    it('401: a deleted user, who does not come back by a new token', async () => {
      const name = someone();
      const token = await acme.token(name, { email: `${name}@example.com` });
      const { id } = await meAs(token);
      expect((await own.admin.delete(`/api/v1/users/${id}`)).status).toBe(204);
      expectProblem(await as(token).send(ME), 401, 'unauthenticated');
      const again = await acme.token(name, { email: `${name}@example.com`, iat: now() + 5 });
      expectProblem(await as(again).send(ME), 401, 'unauthenticated');
    });

    it('401: a suspended tenant, for those who are known and those who are new', async () => {
      const token = await globex.token(someone(), { realm_access: { roles: ['staff'] } });
      await meAs(token);
      const path = `/api/v1/tenants/${tenants.globex ?? ''}`;
      expect((await own.admin.patch(path, { suspended: true })).status).toBe(200);
      expectProblem(await as(token).send(ME), 401, 'unauthenticated');
      const newcomer = await globex.token(someone(), { realm_access: { roles: ['staff'] } });
      expectProblem(await as(newcomer).send(ME), 401, 'unauthenticated');
      expect((await own.admin.patch(path, { suspended: false })).status).toBe(200);
      await meAs(token);
      await meAs(newcomer);
    });
  });

  describe('forged and foreign', () => {
    const key = () => acme.keys[0] ?? newSigningKey();
    const sign = (head: Members, claims: Members) => signJwt(head, claims, key().privateKey);
    const jwk = () => key().publicKey.export({ format: 'jwk' });
    const pem = () => key().publicKey.export({ format: 'pem', type: 'spki' }).toString();

    it('what the test signs with the right key is accepted: the refusals below are not for the signing', async () => {
      expect((await as(sign(header, payload)).send(ME)).status).toBe(200);
    });

    it.each<[string, () => Members, () => Members]>([
      ['no type', () => ({ ...header, typ: undefined }), () => payload],
      ['the type JWT', () => ({ ...header, typ: 'JWT' }), () => payload],
      ['the full media type', () => ({ ...header, typ: 'application/AT+JWT' }), () => payload],
      ['several audiences', () => header, () => ({ ...payload, aud: ['x', AUDIENCE] })],
      ['a clock that is 20 s behind', () => header, () => ({ ...payload, nbf: now() + 20, iat: now() + 20 })],
      ['an end 20 s ago', () => header, () => ({ ...payload, exp: now() - 20 })],
    ])('200: %s', async (_name, head, claims) => {
      expect((await as(sign(head(), claims())).send(ME)).status).toBe(200);
    });

    it.each<[string, () => string]>([
      ['alg none', () => unsignedJwt({ ...header, alg: 'none' }, payload)],
      ['alg none with a signature', () => sign({ ...header, alg: 'none' }, payload)],
      ['HS256 with the public key in PEM', () => macJwt({ ...header, alg: 'HS256' }, payload, pem())],
      ['HS256 with the trimmed PEM', () => macJwt({ ...header, alg: 'HS256' }, payload, pem().trim())],
      ['HS256 with the JWK', () => macJwt({ ...header, alg: 'HS256' }, payload, JSON.stringify(jwk()))],
      ['HS256 with the modulus', () => macJwt({ ...header, alg: 'HS256' }, payload, jwk().n ?? '')],
      ['HS256 under the name of RS256', () => macJwt(header, payload, pem())],
      ['another key', () => signJwt(header, payload, newSigningKey().privateKey)],
      ['an unknown kid', () => signJwt({ ...header, kid: 'x' }, payload, newSigningKey().privateKey)],
      ['the right key under an unknown kid', () => sign({ ...header, kid: 'x' }, payload)],
      ['a key of its own', () => sign({ ...header, kid: 'x', jwk: jwk() }, payload)],
      [
        'a key from elsewhere',
        () => sign({ ...header, kid: 'x', jku: `${globex.issuer}/jwks`, x5u: globex.issuer }, payload),
      ],
      ['a kid that is no text', () => sign({ ...header, kid: { $ne: 1 } }, payload)],
      ['another algorithm', () => sign({ ...header, alg: 'PS256' }, payload)],
      ['an unknown critical header', () => sign({ ...header, crit: ['x'], x: 1 }, payload)],
      ['an ID token or logout token by type', () => sign({ ...header, typ: 'logout+jwt' }, payload)],
      ['our own issuer', () => sign(header, { ...payload, iss: 'download-service' })],
      ['an unknown issuer', () => sign(header, { ...payload, iss: 'https://elsewhere.example' })],
      ['an issuer with a slash too many', () => sign(header, { ...payload, iss: `${acme.issuer}/` })],
      ['the issuer in a list', () => sign(header, { ...payload, iss: [acme.issuer] })],
      ['the key of another issuer', () => sign(header, { ...payload, iss: globex.issuer })],
      ['another audience', () => sign(header, { ...payload, aud: 'https://elsewhere.example' })],
      ['no audience', () => sign(header, { ...payload, aud: undefined })],
      ['expired', () => sign(header, { ...payload, exp: now() - 40 })],
      ['without an end', () => sign(header, { ...payload, exp: undefined })],
      ['an end that is a text', () => sign(header, { ...payload, exp: String(now() + 60) })],
      ['not yet valid', () => sign(header, { ...payload, nbf: now() + 40 })],
      ['issued in the future', () => sign(header, { ...payload, iat: now() + 40 })],
      ['never issued', () => sign(header, { ...payload, iat: undefined })],
      ['no subject', () => sign(header, { ...payload, sub: undefined })],
      ['an empty subject', () => sign(header, { ...payload, sub: '' })],
      ['a subject with a NUL', () => sign(header, { ...payload, sub: 'a\0b' })],
      ['a subject of 300 characters', () => sign(header, { ...payload, sub: 'x'.repeat(300) })],
      ['bound to a key of its holder', () => sign(header, { ...payload, cnf: { jkt: 'x' } })],
      ['above 8 KiB', () => sign(header, { ...payload, x: 'x'.repeat(7_000) })],
      ['claims that are a list', () => sign(header, [] as unknown as Members)],
      ['five parts', () => `${good}.x.y`],
      ['a changed claim', () => good.replace(/\.[\w-]+\./, (claims) => `.x${claims.slice(2)}`)],
      ['no signature', () => good.replace(/[\w-]+$/, '')],
    ])('401: %s', async (_name, token) => {
      // Past nginx: its header buffers are 8 KiB.
      const answer = await as(token()).via(own.stack.appUrl).send(ME);
      expectProblem(answer, 401, 'unauthenticated');
    });

    it('however many unknown keys are named, the provider is asked once', async () => {
      const before = acme.keyFetches;
      const answers = await Promise.all(
        Array.from({ length: 100 }, () =>
          as(sign({ ...header, kid: randomBytes(4).toString('hex') }, payload)).send(ME),
        ),
      );
      expect(answers.every(({ status }) => status === 401)).toBe(true);
      expect(acme.keyFetches - before).toBeLessThanOrEqual(1);
    });

    it('503 within a second: the provider has never been there, or calls itself otherwise', async () => {
      for (const iss of [AWAY, acme.issuer.replace('127.0.0.1', 'localhost')]) {
        const since = performance.now();
        expectProblem(await as(sign(header, { ...payload, iss })).send(ME), 503, 'dependency-unavailable');
        expect(performance.now() - since).toBeLessThan(1_200);
      }
    });
  });

  describe('the provider', () => {
    it(
      'changes its key: the new one is known soon, the old one as long as it is published',
      { timeout: 60_000 },
      async () => {
        const name = someone();
        const old = await acme.token(name);
        await meAs(old);
        acme.rotate();
        const next = await acme.token(name);
        expect(readJwt(next).header.kid).not.toBe(readJwt(old).header.kid);
        await expect.poll(async () => (await as(next).send(ME)).status, COOLED_DOWN).toBe(200);
        expect((await as(old).send(ME)).status).toBe(200);
        acme.rotate(0);
        const last = await acme.token(name);
        await expect.poll(async () => (await as(last).send(ME)).status, COOLED_DOWN).toBe(200);
        expectProblem(await as(old).send(ME), 401, 'unauthenticated');
        expectProblem(await as(next).send(ME), 401, 'unauthenticated');
      },
    );

    it(
      'is away: known keys go on working, unknown ones are 503 and not 401; then it is back',
      { timeout: 60_000 },
      async () => {
        const seen = await acme.token(someone());
        const unseen = await acme.token(someone());
        await meAs(seen);
        const stranger = newSigningKey();
        const unknown = () => {
          const { header: head, payload: claims } = readJwt(seen);
          return signJwt({ ...head, kid: stranger.kid }, claims, stranger.privateKey);
        };
        for (const goAway of [
          () => acme.stop(),
          () =>
            acme.startAgain().then(() => {
              acme.hang(true);
            }),
        ]) {
          await goAway();
          await expect.poll(async () => (await as(unknown()).send(ME)).status, COOLED_DOWN).toBe(503);
          const since = performance.now();
          expectProblem(await as(unknown()).send(ME), 503, 'dependency-unavailable');
          expect(performance.now() - since).toBeLessThan(1_200);
          expect((await as(seen).send(ME)).status).toBe(200);
          expect((await as(unseen).send(ME)).status).toBe(200);
          expectProblem(await as(`${seen}x`).send(ME), 401, 'unauthenticated');
        }
        acme.hang(false);
        acme.rotate();
        const fresh = await acme.token(someone());
        await expect.poll(async () => (await as(fresh).send(ME)).status, COOLED_DOWN).toBe(200);
      },
    );
  });

  it('no log holds a token', async () => {
    const logs: string[] = [];
    for (const folder of ['log', 'nginx']) {
      const path = join(own.stack.dataDir, folder);
      for (const entry of await readdir(path, { withFileTypes: true })) {
        if (entry.isFile()) logs.push(await readFile(join(path, entry.name), 'utf8'));
      }
    }
    const text = logs.join('\n');
    expect(text).toContain('request refused');
    for (const part of good.split('.')) expect(text.includes(part)).toBe(false);
    expect(text).not.toMatch(/eyJ[\w-]{20,}/);
  });
});
