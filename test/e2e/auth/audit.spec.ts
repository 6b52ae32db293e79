import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem } from '../../harness/api.js';
import { type AuditEntry, type AuditLine, auditLines, factsOf, SELECT_AUDIT } from '../../harness/audit.js';
import type { Answer } from '../../harness/http.js';
import type { SeededUser } from '../../harness/seed.js';
import { useWorld } from '../../harness/world.js';

const AUTH = '/api/v1/auth';

describe('what the audit keeps', () => {
  const world = useWorld();
  /** Everything that must never be in a row or a line. */
  const secrets: string[] = [];

  const requestIdOf = (answer: Answer) => String(answer.headers['x-request-id']);
  const rowsOf = (requestId: string) =>
    world.seed.query<AuditEntry & Record<string, unknown>>(`${SELECT_AUDIT} WHERE request_id = $1`, [
      requestId,
    ]);
  const linesOf = async (requestId: string): Promise<AuditLine[]> =>
    (await auditLines(world.stack.dataDir)).filter((line) => line.requestId === requestId);

  /** The one row of an answer's request; there is one line, and it says the same. */
  const entryOf = async (answer: Answer): Promise<Record<string, unknown>> => {
    const requestId = requestIdOf(answer);
    // Refusals are written beside the answer, and the log is a file.
    let lines: AuditLine[] = [];
    for (let round = 0; round < 100 && lines.length === 0; round += 1) {
      if (round > 0) await sleep(20);
      lines = await linesOf(requestId);
    }
    const rows = await rowsOf(requestId);
    expect(rows, answer.text).toHaveLength(1);
    expect(lines).toHaveLength(1);
    expect(factsOf(lines[0] ?? {})).toEqual(factsOf(rows[0] ?? {}));
    expect(lines[0]).toMatchObject({ level: 'info', context: 'Audit', msg: 'audit' });
    expect(Math.abs(Date.parse(String(rows[0]?.at)) - Date.now())).toBeLessThan(30_000);
    return { ...rows[0] };
  };

  const login = async ({ email, password }: SeededUser, api = world.anonymous) => {
    const answer = await api.post(`${AUTH}/login`, { email, password });
    expect(answer.status, answer.text).toBe(200);
    const { accessToken, refreshToken } = answer.json as { accessToken: string; refreshToken: string };
    secrets.push(password, accessToken, refreshToken);
    return { answer, api: api.as(accessToken), refreshToken };
  };
  const by = ({ id, email, tenantId }: SeededUser, credential: string | null = 'session') => ({
    tenantId,
    actorId: id,
    actorEmail: email,
    credential,
    ip: '127.0.0.1',
    count: 1,
  });
  const user = (id: string) => ({ objectKind: 'user', objectId: id });

  it('login', async () => {
    const account = await world.seed.user(world.tenantId);
    const { answer } = await login(account);
    expect(await entryOf(answer)).toMatchObject({
      ...by(account, null),
      ...user(account.id),
      action: 'login',
      outcome: 'ok',
    });
  });

  it('logout; session.end; sessions.end', async () => {
    const account = await world.seed.user(world.tenantId);
    const [one, two, three] = [await login(account), await login(account), await login(account)];
    const expected = { ...by(account), ...user(account.id), outcome: 'ok', detail: {} };

    const logout = await one.api.send(`${AUTH}/logout`, { method: 'POST' });
    expect(logout.status).toBe(204);
    expect(await entryOf(logout)).toMatchObject({ ...expected, action: 'logout' });

    const { items } = (await three.api.send(`${AUTH}/sessions`)).json as {
      items: { id: string; current: boolean }[];
    };
    const other = items.find(({ current }) => !current)?.id ?? '';
    const end = await three.api.delete(`${AUTH}/sessions/${other}`);
    expect(end.status).toBe(204);
    expect(await entryOf(end)).toMatchObject({ ...expected, action: 'session.end' });
    expect((await two.api.send(`${AUTH}/me`)).status).toBe(401);

    const all = await three.api.delete(`${AUTH}/sessions`);
    expect(all.status).toBe(204);
    expect(await entryOf(all)).toMatchObject({ ...expected, action: 'sessions.end' });
  });

  it('password.change', async () => {
    const account = await world.seed.user(world.tenantId);
    const { api } = await login(account);
    const newPassword = randomBytes(12).toString('base64url');
    secrets.push(newPassword);
    const answer = await api.post(`${AUTH}/password`, { currentPassword: account.password, newPassword });
    expect(answer.status, answer.text).toBe(204);
    expect(await entryOf(answer)).toMatchObject({
      ...by(account),
      ...user(account.id),
      action: 'password.change',
      outcome: 'ok',
      detail: {},
    });
  });

  it('api-key.create, with a name that no jsonb takes as it is, and api-key.revoke', async () => {
    const { api } = await login(world.ownerAccount);
    const body = { name: 'nightly \ud800 export', scopes: ['download'] };
    const created = await api.post(`${AUTH}/api-keys`, body);
    expect(created.status, created.text).toBe(201);
    const { id, key, prefix } = created.json as { id: string; key: string; prefix: string };
    secrets.push(key);
    const expected = { ...by(world.ownerAccount), objectKind: 'api-key', objectId: id, outcome: 'ok' };
    expect(await entryOf(created)).toMatchObject({
      ...expected,
      action: 'api-key.create',
      detail: { name: 'nightly \ufffd export', prefix, scopes: ['download'] },
    });
    const revoked = await api.delete(`${AUTH}/api-keys/${id}`);
    expect(revoked.status).toBe(204);
    expect(await entryOf(revoked)).toMatchObject({ ...expected, action: 'api-key.revoke' });
  });

  it('user.create, user.change, user.delete', async () => {
    const email = `${randomBytes(8).toString('hex')}@example.com`;
    const [password, next] = [
      randomBytes(12).toString('base64url'),
      randomBytes(12).toString('base64url'),
    ] as const;
    secrets.push(password, next);
    const created = await world.admin.post('/api/v1/users', { email, password });
    expect(created.status, created.text).toBe(201);
    const { id } = created.json as { id: string };
    const expected = { ...by(world.adminAccount), ...user(id), outcome: 'ok' };
    expect(await entryOf(created)).toMatchObject({
      ...expected,
      action: 'user.create',
      detail: { email, role: 'user' },
    });
    const change = { role: 'admin', disabled: true, password: next, limits: { maxConcurrentDownloads: 2 } };
    const changed = await world.admin.patch(`/api/v1/users/${id}`, change);
    expect(changed.status, changed.text).toBe(200);
    expect(await entryOf(changed)).toMatchObject({
      ...expected,
      action: 'user.change',
      detail: {
        role: 'admin',
        disabled: true,
        limits: { maxConcurrentDownloads: 2 },
        passwordReset: true,
      },
    });
    const deleted = await world.admin.delete(`/api/v1/users/${id}`);
    expect(deleted.status).toBe(204);
    expect(await entryOf(deleted)).toMatchObject({ ...expected, action: 'user.delete', detail: { email } });
  });

  it('tenant.create and tenant.change, and what an operator does in a tenant, are that tenant’s', async () => {
    const slug = `t-${randomBytes(6).toString('hex')}`;
    const { email: actorEmail } = world.stack.admin;
    const created = await world.operator.post('/api/v1/tenants', { name: 'A', slug, quotaBytes: 5 });
    expect(created.status, created.text).toBe(201);
    const { id } = created.json as { id: string };
    const expected = { actorEmail, credential: 'session', tenantId: id, outcome: 'ok' };
    const tenant = { ...expected, objectKind: 'tenant', objectId: id };
    expect(await entryOf(created)).toMatchObject({
      ...tenant,
      action: 'tenant.create',
      detail: { name: 'A', slug, quotaBytes: 5 },
    });
    const changed = await world.operator.patch(`/api/v1/tenants/${id}`, { suspended: true });
    expect(await entryOf(changed)).toMatchObject({
      ...tenant,
      action: 'tenant.change',
      detail: { suspended: true },
    });
    const email = `${randomBytes(8).toString('hex')}@example.com`;
    const password = randomBytes(12).toString('base64url');
    secrets.push(password);
    const account = await world.operator.post('/api/v1/users', { email, password, tenant: id });
    expect(await entryOf(account)).toMatchObject({
      ...expected,
      ...user((account.json as { id: string }).id),
      action: 'user.create',
    });
  });

  it('grant.create, grant.revoke; token.mint, token.revoke, tokens.revoke', async () => {
    const account = await world.seed.user(world.tenantId);
    const { api } = await login(account);
    const { id: fileId } = await api.upload(randomBytes(10));
    const file = { objectKind: 'file', objectId: fileId };
    const grants = `/api/v1/files/${fileId}/grants`;
    const given = await api.post(grants, { userId: world.memberAccount.id, permission: 'download' });
    expect(given.status, given.text).toBe(201);
    const { id: grantId } = given.json as { id: string };
    expect(await entryOf(given)).toMatchObject({
      ...by(account),
      ...file,
      action: 'grant.create',
      outcome: 'ok',
    });
    const taken = await api.delete(`${grants}/${grantId}`);
    expect(await entryOf(taken)).toMatchObject({
      ...by(account),
      ...file,
      action: 'grant.revoke',
      outcome: 'ok',
    });

    const minted = await api.post(`/api/v1/files/${fileId}/tokens`, { allowedIps: ['203.0.113.0/24'] });
    const token = minted.json as { id: string; token: string };
    secrets.push(token.token, token.token.slice(4));
    const ofToken = { objectKind: 'token', objectId: token.id, outcome: 'ok' };
    expect(await entryOf(minted)).toMatchObject({
      ...by(account),
      ...ofToken,
      action: 'token.mint',
      detail: { fileId, allowedIps: ['203.0.113.0/24'] },
    });
    // A refusal by it, which the rows of the test without any secret are to hold as well.
    const refused = await world.anonymous.send(`/download/${fileId}?token=${token.token}`);
    expectProblem(refused, 403, 'ip-not-allowed');
    const revoked = await api.delete(`/api/v1/tokens/${token.id}`);
    expect(await entryOf(revoked)).toMatchObject({ ...by(account), ...ofToken, action: 'token.revoke' });
    for (const [path, object] of [
      [`/api/v1/files/${fileId}/tokens`, file],
      ['/api/v1/tokens', user(account.id)],
    ] as const) {
      const answer = await api.delete(path);
      expect(await entryOf(answer)).toMatchObject({ ...by(account), ...object, action: 'tokens.revoke' });
    }
    // By the token an admin finds all that was done with it.
    const found = await world.admin.send(`/api/v1/audit?objectKind=token&objectId=${token.id}`);
    const { items } = found.json as { items: AuditEntry[] };
    expect(items.map(({ action }) => action)).toEqual(['token.revoke', 'token.mint']);
  });

  it('refresh-token.reuse: one row, whose it was, and no second one for the 401', async () => {
    const account = await world.seed.user(world.tenantId);
    const { api, refreshToken } = await login(account);
    const [, claims = ''] = (api.token ?? '').split('.');
    const { sid } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { sid: string };
    const next = await world.anonymous.post(`${AUTH}/refresh`, { refreshToken });
    expect(next.status, next.text).toBe(200);
    secrets.push((next.json as { refreshToken: string }).refreshToken);
    await world.seed.redis.hset(`session:{${sid}}`, 'rotatedAt', Date.now() - 60_000);
    const reused = await world.anonymous.post(`${AUTH}/refresh`, { refreshToken });
    expectProblem(reused, 401, 'unauthenticated');
    expect(await entryOf(reused)).toMatchObject({
      ...by(account, null),
      ...user(account.id),
      action: 'refresh-token.reuse',
      outcome: 'refused',
    });
  });

  it.each<[string, string, string, () => Promise<[Answer, SeededUser, string]>]>([
    [
      'a user on an admin’s route',
      'forbidden',
      'GET /api/v1/users/:id',
      async () => [await world.owner.send('/api/v1/users/1'), world.ownerAccount, 'session'],
    ],
    [
      'an API key without the scope, on a route of bytes',
      'forbidden',
      'GET /download/:fileId',
      async () => {
        const { api, id } = await keyOf(world.owner, ['stats']);
        return [await api.send('/download/1'), world.ownerAccount, `api-key:${id}`];
      },
    ],
    [
      'a handler’s own refusal',
      'wrong-password',
      'POST /api/v1/auth/password',
      async () => {
        const change = { currentPassword: 'guessed-wrong-1', newPassword: 'guessed-wrong-2' };
        secrets.push(...Object.values(change));
        const answer = await world.member.post(`${AUTH}/password`, change);
        return [answer, world.memberAccount, 'session'];
      },
    ],
  ])('refusal of %s', async (_name, code, route, ask) => {
    const [answer, account, credential] = await ask();
    expectProblem(answer, 403, code);
    expect(await entryOf(answer)).toMatchObject({
      ...by(account, credential),
      action: 'refusal',
      outcome: 'refused',
      objectKind: null,
      detail: { code, route },
    });
  });

  const keyOf = async (owner: Api, scopes: string[]) => {
    const answer = await owner.post(`${AUTH}/api-keys`, { name: 'k', scopes });
    expect(answer.status, answer.text).toBe(201);
    const { id, key } = answer.json as { id: string; key: string };
    secrets.push(key);
    return { id, api: world.anonymous.withKey(key) };
  };

  it('what does not happen leaves neither row nor line', async () => {
    const { email } = world.memberAccount;
    const password = randomBytes(12).toString('base64url');
    secrets.push(password);
    const answers = [
      await world.admin.post('/api/v1/users', { email, password }),
      await world.admin.patch('/api/v1/users/9223372036854775807', { disabled: true }),
      await world.foreignAdmin.patch(`/api/v1/users/${world.memberAccount.id}`, { disabled: true }),
      await world.admin.delete(`/api/v1/users/${world.adminAccount.id}`),
      await world.operator.post('/api/v1/tenants', { name: 'x', slug: 'default' }),
      await world.operator.patch('/api/v1/tenants/9223372036854775807', { suspended: true }),
      await world.owner.delete(`${AUTH}/api-keys/9223372036854775807`),
      await world.owner.delete(`${AUTH}/sessions/AAAAAAAAAAAAAAAAAAAAAA`),
      await world.owner.post(`${AUTH}/api-keys`, { name: '', scopes: [] }),
      await world.owner.download('9223372036854775807'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([409, 404, 404, 409, 409, 404, 404, 404, 400, 404]);
    // Something later that is audited: what comes before it would be there by now.
    await entryOf((await login(world.ownerAccount)).answer);
    for (const answer of answers) {
      expect(await rowsOf(requestIdOf(answer)), answer.text).toEqual([]);
      expect(await linesOf(requestIdOf(answer)), answer.text).toEqual([]);
    }
  });

  it('a burst of refusals of one caller: one row and one line each, and the service answers meanwhile', async () => {
    const { api } = await login(world.memberAccount);
    const answers = await Promise.all(Array.from({ length: 200 }, () => api.send('/api/v1/users')));
    expect(answers.every(({ status }) => status === 403)).toBe(true);
    const ids = answers.map(requestIdOf);
    const count = async () =>
      (await world.seed.query(`SELECT FROM audit_log WHERE request_id = ANY($1)`, [ids])).length;
    for (let round = 0; round < 100 && (await count()) < 200; round += 1) await sleep(50);
    expect(await count()).toBe(200);
    await sleep(100);
    const said = (await auditLines(world.stack.dataDir)).map(({ requestId }) => String(requestId));
    expect(said.filter((id) => ids.includes(id)).toSorted()).toEqual(ids.toSorted());
  });

  it('no secret is in any row or line', async () => {
    expect(secrets.length).toBeGreaterThan(20);
    const rows = await world.seed.query(SELECT_AUDIT);
    const text = JSON.stringify([rows, await auditLines(world.stack.dataDir)]);
    for (const secret of secrets) expect(text.includes(secret)).toBe(false);
    expect(text).not.toMatch(/eyJ|argon2/);
  });
});

describe('GET /api/v1/audit', () => {
  const world = useWorld();
  const TOTAL = 23;

  interface Page {
    readonly items: AuditEntry[];
    readonly nextCursor: string | null;
  }
  const list = async (api: Api, query = ''): Promise<Page> => {
    const answer = await api.send(`/api/v1/audit${query}`);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    return answer.json as Page;
  };
  const insert = (tenantId: string | null, more: Record<string, unknown> = {}) => {
    const row = { tenant_id: tenantId, action: 'user.change', outcome: 'ok', ...more };
    const names = Object.keys(row);
    return world.seed.query(
      `INSERT INTO audit_log (${names.join(', ')}) VALUES (${names.map((_, place) => `$${place + 1}`).join(', ')})`,
      Object.values(row),
    );
  };

  beforeAll(async () => {
    for (let place = 0; place < TOTAL; place += 1) {
      await insert(world.tenantId, {
        at: new Date(Date.UTC(2020, 0, place + 1)),
        action: place % 2 === 0 ? 'tenant.change' : 'user.change',
        outcome: place % 3 === 0 ? 'refused' : 'ok',
        actor_id: 1_000_000 + (place % 4),
        object_kind: place % 2 === 0 ? 'tenant' : 'user',
        object_id: String(place % 5),
      });
    }
    // Several of one moment, and moments that differ by a microsecond.
    for (let place = 0; place < TOTAL; place += 1) {
      await insert(world.tenantId, { at: `2019-01-01T00:00:00.00000${Math.floor(place / 3)}Z` });
    }
    await insert(world.foreignTenantId, { at: new Date(Date.UTC(2020, 0, 2)) });
    await insert(null, { at: new Date(Date.UTC(2020, 0, 2)), ip: `w-${world.tenantId}` });
  });
  const PAST = 'since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z&limit=200';

  it.each<[string, (place: number) => boolean]>([
    ['action=tenant.change', (place) => place % 2 === 0],
    ['outcome=refused', (place) => place % 3 === 0],
    ['actorId=1000001', (place) => place % 4 === 1],
    ['objectKind=user', (place) => place % 2 === 1],
    ['objectKind=user&objectId=3', (place) => place % 2 === 1 && place % 5 === 3],
    ['action=user.change&outcome=ok&actorId=1000003', (place) => place % 4 === 3 && place % 3 !== 0],
  ])('filter %s', async (filter, wanted) => {
    const { items } = await list(world.admin, `?${PAST}&${filter}`);
    const expected = Array.from({ length: TOTAL }, (_, place) => place).filter(wanted);
    expect(items.map(({ at }) => new Date(at).getUTCDate() - 1)).toEqual(expected.toReversed());
    expect(items.length).toBeGreaterThan(0);
  });

  it('since is inclusive, until is not, and both read any zone', async () => {
    const between = async (since: string, until: string) => {
      const query = new URLSearchParams({ since, until });
      return (await list(world.admin, `?${query.toString()}`)).items.map(({ at }) => at.slice(0, 10));
    };
    const expected = ['2020-01-04', '2020-01-03'];
    expect(await between('2020-01-03T00:00:00Z', '2020-01-05T00:00:00Z')).toEqual(expected);
    expect(await between('2020-01-03T23:00:00+23:00', '2020-01-04T12:00:00.000-12:00')).toEqual(expected);
    expect(await between('2020-01-05T00:00:00Z', '2020-01-03T00:00:00Z')).toEqual([]);
  });

  it.each([1, 2, 7, 22, 23, 24])(
    'pages of %i are complete and without doubles while rows come in',
    async (limit) => {
      const before = await world.seed.query<{ id: string }>(
        `SELECT id FROM audit_log WHERE tenant_id = $1 AND at < '2020-01-01' ORDER BY at DESC, id DESC`,
        [world.tenantId],
      );
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const next: string = cursor === null ? '' : `&cursor=${cursor}`;
        const page = await list(world.admin, `?until=2020-01-01T00:00:00Z&limit=${limit}${next}`);
        expect(page.items.length).toBeLessThanOrEqual(limit);
        expect(page.items.length).toBeGreaterThan(0);
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
        // Later than all of them, and out of the other tests' month.
        await insert(world.tenantId, { at: new Date(Date.UTC(2019, 5, 1)) });
      } while (cursor !== null);
      expect(seen).toEqual(before.map(({ id }) => id));
    },
  );

  it.each([
    ['action=x', ['action']],
    ['action=login&action=logout', ['action']],
    ['outcome=maybe', ['outcome']],
    ['actorId=x', ['actorId']],
    ['actorId=9223372036854775808', ['actorId']],
    ['objectKind=bucket', ['objectKind']],
    ['objectKind=user&objectId=0', ['objectId']],
    ['objectId=1', ['objectKind']],
    ['since=2020-01-01', ['since']],
    ['since=2020-01-01T00:00:00', ['since']],
    ['since=2020-W01-1T00:00:00Z', ['since']],
    ['since=2020-02-30T00:00:00Z', ['since']],
    ['since=2020-13-01T00:00:00Z', ['since']],
    ['since=2020-01-01T24:00:00Z', ['since']],
    ['since=%2B012020-01-01T00:00:00Z', ['since']],
    ['until=yesterday', ['until']],
    ['until=2020-01-01T00:00:00%2B99:00', ['until']],
    ['tenant=default', ['tenant']],
    ['limit=0', ['limit']],
    ['limit=201', ['limit']],
    ['limit=x', ['limit']],
    ['cursor=x', ['cursor']],
    [`cursor=${Buffer.from('7').toString('base64url')}`, ['cursor']],
    [`cursor=${Buffer.from('1.9223372036854775808').toString('base64url')}`, ['cursor']],
    [`cursor=${Buffer.from('9999999999999999.1 ').toString('base64url')}`, ['cursor']],
    ['user=1', ['user']],
  ])('400: %s', async (query, fields) => {
    const answer = await world.admin.send(`/api/v1/audit?${query}`);
    expectProblem(answer, 400, 'validation-failed');
    const { errors } = answer.json as { errors: { field: string }[] };
    expect([...new Set(errors.map(({ field }) => field))]).toEqual(fields);
  });

  it('401 without credentials; 403 for users, for API keys of admins, and for another tenant', async () => {
    expectProblem(await world.anonymous.send('/api/v1/audit'), 401, 'unauthenticated');
    expectProblem(await world.owner.send('/api/v1/audit'), 403, 'forbidden');
    const created = await world.admin.post(`${AUTH}/api-keys`, {
      name: 'k',
      scopes: ['stats', 'files:read'],
    });
    const key = world.anonymous.withKey((created.json as { key: string }).key);
    expectProblem(await key.send('/api/v1/audit'), 403, 'forbidden');
    const foreign = `/api/v1/audit?tenant=${world.foreignTenantId}`;
    expectProblem(await world.admin.send(foreign), 403, 'forbidden');
  });

  it('an admin sees its own tenant only, whatever it asks for', async () => {
    for (const query of ['', `&tenant=${world.tenantId}`]) {
      const { items } = await list(world.admin, `?${PAST}${query}`);
      expect(items).toHaveLength(TOTAL);
      expect(new Set(items.map(({ tenantId }) => tenantId))).toEqual(new Set([world.tenantId]));
    }
    const foreign = await list(world.foreignAdmin, `?${PAST}`);
    expect(foreign.items.map(({ tenantId }) => tenantId)).toEqual([world.foreignTenantId]);
    const all = await list(world.foreignAdmin, '?limit=200');
    expect(all.items.every(({ tenantId }) => tenantId === world.foreignTenantId)).toBe(true);
    const { items } = await list(world.foreignAdmin, `?actorId=${world.adminAccount.id}`);
    expect(items).toEqual([]);
  });

  it('an operator sees all tenants, one of them, and what is of no tenant', async () => {
    const { items } = await list(world.operator, `?${PAST}`);
    const tenants = new Set(items.map(({ tenantId }) => tenantId));
    for (const tenant of [world.tenantId, world.foreignTenantId, null]) expect(tenants).toContain(tenant);
    expect(items.some(({ ip }) => ip === `w-${world.tenantId}`)).toBe(true);
    const one = await list(world.operator, `?${PAST}&tenant=${world.foreignTenantId}`);
    expect(one.items.map(({ tenantId }) => tenantId)).toEqual([world.foreignTenantId]);
  });
});
