import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { createKey } from '../harness/accounts.js';
import { type Api, expectProblem, type FileJson } from '../harness/api.js';
import { macJwt, type Members, readJwt, unsignedJwt } from '../harness/forge-jwt.js';
import { useWorld } from '../harness/world.js';

/** `/download` decides on what it keeps in memory (docs/adr/0015). What is kept of one caller is no other's, and is no longer than it holds. */
describe('what a download remembers', () => {
  const world = useWorld();
  let file: FileJson;
  let header: Members;
  let payload: Members;
  let secret: string;
  /** Two applications on the same data: one behind nginx, one by itself. */
  let origins: readonly string[];

  beforeAll(async () => {
    file = await world.owner.upload(randomBytes(100));
    ({ header, payload } = readJwt(world.owner.token ?? ''));
    secret = readFileSync(world.stack.jwtSecretFile, 'utf8').trim();
    origins = [world.stack.publicUrl, world.stack.streamUrl];
  });

  const everywhere = async (api: Api, status: number, id = file.id): Promise<void> => {
    for (const origin of origins) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await api.via(origin).download(id, {}, method);
        expect(answer.status, answer.text.slice(0, 200)).toBe(status);
      }
    }
  };

  describe('of a session: what has its claims and not its signature is refused', () => {
    const now = () => Math.floor(Date.now() / 1_000);
    const changed = (change: Members): string => macJwt(header, { ...payload, ...change }, secret);
    const headed = (change: Members): string => macJwt({ ...header, ...change }, payload, secret);

    it('a token signed with the right key is accepted: what follows is not refused for the signing', async () => {
      await everywhere(world.anonymous.as(changed({})), 200);
    });

    it.each<[string, () => string]>([
      ['the same claims, not signed', () => unsignedJwt({ ...header, alg: 'none' }, payload)],
      ['the same claims, no signature', () => unsignedJwt(header, payload)],
      ['the same claims by another key', () => macJwt(header, payload, 'x'.repeat(64))],
      ['the same claims by no key', () => macJwt(header, payload, '')],
      [
        'the signature of another',
        () => (world.owner.token ?? '').replace(/[^.]+$/, signatureOf(world.member)),
      ],
      [
        'one letter of the signature',
        () => (world.owner.token ?? '').replace(/(.)$/, (a) => (a === 'A' ? 'Q' : 'A')),
      ],
      ['alg none', () => headed({ alg: 'none' })],
      ['alg HS512', () => headed({ alg: 'HS512' })],
      ['alg RS256', () => headed({ alg: 'RS256' })],
      ['typ JWT', () => headed({ typ: 'JWT' })],
      ['no typ', () => headed({ typ: undefined })],
      ['an unknown kid', () => headed({ kid: 'other' })],
      ['no kid', () => headed({ kid: undefined })],
      ['a path as kid', () => macJwt({ ...header, kid: '../../dev/null' }, payload, '')],
      [
        'a key that comes along',
        () => macJwt({ ...header, jwk: { kty: 'oct', k: 'AAAA' } }, payload, '\0\0\0'),
      ],
      ['a critical extension', () => headed({ crit: ['exp'] })],
      ['another issuer', () => changed({ iss: 'elsewhere' })],
      ['another audience', () => changed({ aud: 'elsewhere' })],
      ['no audience', () => changed({ aud: undefined })],
      ['expired', () => changed({ exp: now() - 1 })],
      ['without an end', () => changed({ exp: undefined })],
      ['not yet valid', () => changed({ nbf: now() + 60 })],
      ['another uid', () => changed({ uid: '00000000-0000-4000-8000-000000000000' })],
      ['another tenant', () => changed({ tid: world.foreignTenantId })],
      ['a colleague with this session', () => changed({ sub: world.memberAccount.id })],
      [
        'a session with a space and more',
        () => changed({ sid: `${String(payload.sid)} ${String(payload.sub)}` }),
      ],
    ])('%s', async (_name, token) => {
      await everywhere(world.owner, 200);
      await everywhere(world.anonymous.as(token()), 401);
      await everywhere(world.owner, 200);
    });

    it('both credentials, twice, or none of their form', async () => {
      const { key } = await createKey(world.owner, ['download']);
      const authorization = `Bearer ${world.owner.token ?? ''}`;
      for (const headers of [
        { Authorization: authorization, 'X-API-Key': key },
        { Authorization: `${authorization}, ${authorization}` },
        { Authorization: `Basic ${world.owner.token ?? ''}` },
        { 'X-API-Key': [key, key] },
        { 'X-API-Key': ` ${key.toUpperCase()}` },
        { 'X-API-Key': '' },
        { Cookie: `Authorization=${authorization}` },
      ]) {
        for (const origin of origins) {
          const answer = await world.anonymous.via(origin).send(`/download/${file.id}`, { headers });
          expectProblem(answer, 401, 'unauthenticated');
        }
      }
    });

    const signatureOf = ({ token = '' }: Api): string => token.split('.').at(-1) ?? '';
  });

  it('of one caller is no other’s, whoever asks in between', async () => {
    const { key } = await createKey(world.owner, ['download']);
    const unfit = await createKey(world.owner, ['files:read']);
    for (let round = 0; round < 5; round += 1) {
      await everywhere(world.owner, 200);
      await everywhere(world.anonymous, 401);
      await everywhere(world.anonymous.withKey(key), 200);
      await everywhere(world.member, 404);
      await everywhere(world.admin, 200);
      await everywhere(world.anonymous.withKey(unfit.key), 403);
      await everywhere(world.foreignAdmin, 404);
      await everywhere(world.foreign, 404);
      await everywhere(world.operator, 404);
    }
  });

  it('a right that was given or taken a moment ago counts: 30 times', async () => {
    const other = await world.owner.upload(randomBytes(100));
    const path = `/api/v1/files/${other.id}`;
    for (let round = 0; round < 15; round += 1) {
      await everywhere(world.member, 404, other.id);
      const given = await world.owner.post(`${path}/grants`, {
        userId: world.memberAccount.id,
        permission: 'download',
      });
      expect(given.status).toBe(201);
      await everywhere(world.member, 200, other.id);
      const { id } = given.json as { id: string };
      expect((await world.owner.delete(`${path}/grants/${id}`)).status).toBe(204);
      await everywhere(world.anonymous, 401, other.id);
      expect((await world.owner.patch(path, { visibility: 'public' })).status).toBe(200);
      await everywhere(world.anonymous, 200, other.id);
      await everywhere(world.member, 200, other.id);
      await everywhere(world.foreign, 404, other.id);
      expect((await world.owner.patch(path, { visibility: 'private' })).status).toBe(200);
    }
  });

  it('a disabled user, a suspended tenant and a revoked key are refused, and back when they are', async () => {
    const account = await world.seed.user(world.tenantId);
    const user = await world.anonymous.login(account.email, account.password);
    const own = await user.upload(randomBytes(100));
    const { key, id } = await createKey(user, ['download']);
    const byKey = world.anonymous.withKey(key);
    await everywhere(user, 200, own.id);
    await everywhere(byKey, 200, own.id);
    const disable = (disabled: boolean) =>
      world.admin.patch(`/api/v1/users/${account.id}`, { disabled }).then(({ status }) => {
        expect(status).toBe(200);
      });
    await disable(true);
    await everywhere(user, 401, own.id);
    await everywhere(byKey, 401, own.id);
    await disable(false);
    await everywhere(byKey, 200, own.id);
    const suspend = async (suspended: boolean): Promise<void> => {
      const { status } = await world.operator.patch(`/api/v1/tenants/${world.tenantId}`, { suspended });
      expect(status).toBe(200);
    };
    await suspend(true);
    await everywhere(byKey, 401, own.id);
    await everywhere(world.owner, 401);
    await suspend(false);
    await everywhere(byKey, 200, own.id);
    await everywhere(world.owner, 200);
    const again = await world.anonymous.login(account.email, account.password);
    expect((await again.delete(`/api/v1/auth/api-keys/${id}`)).status).toBe(204);
    await everywhere(byKey, 401, own.id);
  });
});
