import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createKey, expectInvalid, openSession, refresh } from '../../harness/accounts.js';
import { type Api, expectProblem, patiently } from '../../harness/api.js';
import type { Answer } from '../../harness/http.js';
import { useWorld } from '../../harness/world.js';

const TENANTS = '/api/v1/tenants';
const ME = '/api/v1/auth/me';
const PASSWORD = 'correct horse battery staple';

interface TenantJson {
  readonly id: string;
  readonly slug: string;
  readonly suspended: boolean;
  readonly quotaBytes: number | null;
}

const newSlug = () => `t-${randomBytes(6).toString('hex')}`;
const pathOf = (id: string) => `${TENANTS}/${id}`;

describe('tenants', () => {
  const world = useWorld();

  const create = async (tenant: object = {}): Promise<TenantJson> => {
    const answer = await world.operator.post(TENANTS, { name: 'Acme', slug: newSlug(), ...tenant });
    expect(answer.status, answer.text).toBe(201);
    return answer.json as TenantJson;
  };
  const suspend = async (id: string, suspended: boolean): Promise<void> => {
    const answer = await world.operator.patch(pathOf(id), { suspended });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json).toMatchObject({ id, suspended });
  };

  describe('creation', () => {
    it('201: a tenant, whose first admin the operator makes', async () => {
      const slug = newSlug();
      const answer = await world.operator.post(TENANTS, { name: 'Acme Ltd Ä😀', slug, quotaBytes: 2 ** 40 });
      expect(answer.status, answer.text).toBe(201);
      const tenant = answer.json as TenantJson;
      expect(tenant).toEqual({
        id: expect.stringMatching(/^[1-9]\d*$/) as unknown,
        name: 'Acme Ltd Ä😀',
        slug,
        suspended: false,
        quotaBytes: 2 ** 40,
        usedBytes: 0,
        reservedBytes: 0,
        createdAt: expect.stringMatching(/Z$/) as unknown,
      });
      expect(answer.headers.location).toBe(pathOf(tenant.id));
      expect((await world.operator.send(pathOf(tenant.id))).json).toEqual(tenant);

      const email = `${newSlug()}@example.com`;
      const admin = await patiently(() =>
        world.operator.post('/api/v1/users', { email, password: PASSWORD, role: 'admin', tenant: tenant.id }),
      );
      expect(admin.status, admin.text).toBe(201);
      const api = await world.anonymous.login(email, PASSWORD);
      expect((await api.send(ME)).json).toMatchObject({ role: 'admin', tenantId: tenant.id });
      expect(((await api.send('/api/v1/users')).json as { items: unknown[] }).items).toHaveLength(1);
    });

    it('409: the slug is taken, also by one that comes at the same time', async () => {
      const { slug } = await create();
      expectProblem(await world.operator.post(TENANTS, { name: 'x', slug }), 409, 'slug-taken');
      expectProblem(await world.operator.post(TENANTS, { name: 'x', slug: 'default' }), 409, 'slug-taken');
      const next = newSlug();
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => world.operator.post(TENANTS, { name: 'x', slug: next })),
      );
      expect(answers.map(({ status }) => status).toSorted()).toEqual([201, ...Array<number>(7).fill(409)]);
    });

    it.each(['', 'A', 'ä', 'a b', '-a', 'a-', '-', 'a_b', 'a.b', 'a/b', 'a\n', 'a\u0000', 'x'.repeat(64)])(
      '400: the slug %j',
      async (slug) => {
        expectInvalid(await world.operator.post(TENANTS, { name: 'x', slug }), ['slug']);
      },
    );

    it('201: the shortest and the longest slug', async () => {
      const long = newSlug().padEnd(63, '9-9');
      expect((await create({ slug: long })).slug).toBe(long);
      const short = await world.operator.post(TENANTS, { name: 'x', slug: 'a' });
      expect([201, 409]).toContain(short.status);
    });

    it.each([0, 1, Number.MAX_SAFE_INTEGER, null, undefined])('201: a quota of %j', async (quotaBytes) => {
      expect((await create({ quotaBytes })).quotaBytes).toBe(quotaBytes ?? null);
    });

    it.each([-1, 1.5, Number.MAX_SAFE_INTEGER + 1, 1e300, '5', '', true, [5], {}])(
      '400: a quota of %j',
      async (quotaBytes) => {
        const answer = await world.operator.post(TENANTS, { name: 'x', slug: newSlug(), quotaBytes });
        expectInvalid(answer, ['quotaBytes']);
        expectInvalid(await world.operator.patch(pathOf(world.tenantId), { quotaBytes }), ['quotaBytes']);
      },
    );

    it.each<[string, unknown, string[]]>([
      ['nothing', {}, ['name', 'slug']],
      ['an array', [], ['name', 'slug']],
      ['an empty name', { name: '', slug: 'x' }, ['name']],
      ['a name of 256', { name: 'x'.repeat(256), slug: 'x' }, ['name']],
      ['a line break in the name', { name: 'a\nb', slug: 'x' }, ['name']],
      ['NUL in the name', { name: 'a\u0000b', slug: 'x' }, ['name']],
      ['a name that is null', { name: null, slug: 'x' }, ['name']],
      ['a slug that is an array', { name: 'x', slug: ['x'] }, ['slug']],
      ['an id', { name: 'x', slug: 'x', id: '7' }, ['id']],
      ['suspended from the start', { name: 'x', slug: 'x', suspended: true }, ['suspended']],
    ])('400: %s', async (_name, body, fields) => {
      expectInvalid(await world.operator.post(TENANTS, body), fields);
    });
  });

  describe('list', () => {
    it('shows every tenant once, in pages of any size, while others come', async () => {
      const made = [await create(), await create(), await create(), await create(), await create()];
      for (const limit of [2, 3, 200]) {
        const found: string[] = [];
        let query = `limit=${limit}`;
        for (let rounds = 0; rounds < 1_000; rounds += 1) {
          const answer = await world.operator.send(`${TENANTS}?${query}`);
          expect(answer.headers['cache-control']).toBe('no-store');
          const { items, nextCursor } = answer.json as { items: TenantJson[]; nextCursor: string | null };
          expect(items.length).toBeLessThanOrEqual(limit);
          found.push(...items.map(({ id }) => id));
          if (found.includes(made[4]?.id ?? '') || nextCursor === null) break;
          query = `limit=${limit}&cursor=${nextCursor}`;
        }
        expect(new Set(found).size).toBe(found.length);
        expect(found).toEqual(expect.arrayContaining(made.map(({ id }) => id)));
      }
    });

    it('finds one by its slug', async () => {
      const { id, slug } = await create();
      const find = async (text: string) =>
        ((await world.operator.send(`${TENANTS}?slug=${text}`)).json as { items: TenantJson[] }).items;
      expect((await find(slug)).map((tenant) => tenant.id)).toEqual([id]);
      expect(await find(slug.slice(0, -1))).toEqual([]);
    });

    it.each([
      ['slug=%00', 'slug'],
      ['slug=', 'slug'],
      ['slug=a&slug=b', 'slug'],
      ['limit=0', 'limit'],
      ['limit=201', 'limit'],
      ['cursor=x', 'cursor'],
      ['suspended=true', 'suspended'],
    ])('400: %s', async (query, field) => {
      expectInvalid(await world.operator.send(`${TENANTS}?${query}`), [field]);
    });
  });

  it('404: a tenant that is none; 400: an id that is none', async () => {
    const nobody = pathOf('9223372036854775807');
    expectProblem(await world.operator.send(nobody), 404, 'tenant-not-found');
    expectProblem(await world.operator.patch(nobody, { suspended: true }), 404, 'tenant-not-found');
    for (const id of ['0', 'default', '-1', '9223372036854775808']) {
      expectProblem(await world.operator.send(pathOf(id)), 400, 'validation-failed');
      expectProblem(await world.operator.patch(pathOf(id), { suspended: true }), 400, 'validation-failed');
    }
  });

  it('changes what is named, and leaves the rest', async () => {
    const { id, slug } = await create({ quotaBytes: 5 });
    const steps: [object, object][] = [
      [{ name: 'Other' }, { name: 'Other', quotaBytes: 5, suspended: false }],
      [{ quotaBytes: 0 }, { name: 'Other', quotaBytes: 0, suspended: false }],
      [{ suspended: true }, { name: 'Other', quotaBytes: 0, suspended: true }],
      [{ quotaBytes: null }, { name: 'Other', quotaBytes: null, suspended: true }],
      [{ suspended: false }, { name: 'Other', quotaBytes: null, suspended: false }],
    ];
    for (const [change, expected] of steps) {
      const answer = await world.operator.patch(pathOf(id), change);
      expect(answer.json, answer.text).toMatchObject({ ...expected, id, slug });
      expect((await world.operator.send(pathOf(id))).json).toEqual(answer.json);
    }
  });

  it.each<[string, unknown, string[]]>([
    ['a name that is null', { name: null }, ['name']],
    ['an empty name', { name: '' }, ['name']],
    ['suspended null', { suspended: null }, ['suspended']],
    ['suspended as a text', { suspended: 'true' }, ['suspended']],
    ['another slug', { slug: 'other' }, ['slug']],
    ['nothing', {}, []],
    ['an array', [{ suspended: true }], ['0']],
  ])('400: a change to %s', async (_name, body, fields) => {
    const answer = await world.operator.patch(pathOf(world.tenantId), body);
    expectInvalid(answer, fields);
    expect((await world.operator.send(pathOf(world.tenantId))).json).toMatchObject({ suspended: false });
  });

  it('409: nobody suspends their own tenant', async () => {
    const own = await world.seed.defaultTenant();
    expectProblem(await world.operator.patch(pathOf(own), { suspended: true }), 409, 'own-account');
    expect((await world.operator.patch(pathOf(own), { suspended: false })).status).toBe(200);
    expect((await world.operator.send(ME)).status).toBe(200);
  });

  it.each<
    [string, (api: Api, other: Operator) => Promise<Answer>, (api: Api, other: Operator) => Promise<Answer>]
  >([
    ['suspend', shutOut, shutOut],
    ['suspend and disable', shutOut, disable],
    ['disable and suspend', disable, shutOut],
  ])('of two operators who %s each other at once, one succeeds', async (_name, mine, yours) => {
    for (let round = 0; round < 5; round += 1) {
      const [a, b] = [await operatorElsewhere(), await operatorElsewhere()];
      const answers = await Promise.all([mine(a.api, b), yours(b.api, a)]);
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      expect([401, 403]).toContain(statuses.find((status) => status !== 200));
      const alive = await Promise.all([a, b].map(async ({ api }) => (await api.send(ME)).status));
      expect(alive.toSorted()).toEqual([200, 401]);
    }
  });

  interface Operator {
    readonly id: string;
    readonly tenantId: string;
    readonly api: Api;
  }

  async function operatorElsewhere(): Promise<Operator> {
    const { id, tenantId, email, password } = await world.seed.user(await world.seed.tenant(), 'operator');
    return { id, tenantId, api: await world.anonymous.login(email, password) };
  }
  function shutOut(api: Api, { tenantId }: Operator): Promise<Answer> {
    return api.patch(pathOf(tenantId), { suspended: true });
  }
  function disable(api: Api, { id }: Operator): Promise<Answer> {
    return api.patch(`/api/v1/users/${id}`, { disabled: true });
  }

  it('suspended, its users, keys and public files are refused at the next request; resumed, they are back', async () => {
    const tenantId = await world.seed.tenant();
    const user = await world.seed.user(tenantId);
    const tokens = await openSession(world.anonymous, user);
    const api = world.anonymous.as(tokens.accessToken);
    const key = world.anonymous.withKey((await createKey(api)).key);
    const file = await api.upload(randomBytes(10), { visibility: 'public' });
    const processes = [world.stack.publicUrl, world.stack.streamUrl];
    const login = () =>
      patiently(() =>
        world.anonymous.post('/api/v1/auth/login', { email: user.email, password: user.password }),
      );
    const everything = async (): Promise<number[]> => {
      const answers: Answer[] = [];
      for (const origin of processes) {
        answers.push(await api.via(origin).send(ME));
        answers.push(await key.via(origin).send('/api/v1/files'));
        answers.push(await world.anonymous.via(origin).download(file.id));
        answers.push(await api.via(origin).download(file.id));
      }
      answers.push(await login());
      return answers.map(({ status }) => status);
    };
    expect(new Set(await everything())).toEqual(new Set([200]));
    await suspend(tenantId, true);
    expect(new Set(await everything())).toEqual(new Set([401]));
    expectProblem(await refresh(world.anonymous, tokens.refreshToken), 401, 'unauthenticated');
    expectProblem(await world.member.download(file.id), 404, 'file-not-found');
    await suspend(tenantId, false);
    expect(new Set(await everything())).toEqual(new Set([200]));
    expect((await refresh(world.anonymous, tokens.refreshToken)).status).toBe(200);
  });

  describe('two tenants side by side see nothing of each other', () => {
    const items = async (api: Api, path: string): Promise<Record<string, unknown>[]> => {
      const answer = await api.send(path);
      expect(answer.status, answer.text).toBe(200);
      return (answer.json as { items: Record<string, unknown>[] }).items;
    };

    it('files, public ones too', async () => {
      const files = [
        await world.owner.upload(randomBytes(10)),
        await world.owner.upload(randomBytes(10), { visibility: 'tenant' }),
        await world.owner.upload(randomBytes(10), { visibility: 'public' }),
      ];
      const ids = files.map(({ id }) => id);
      for (const api of [world.foreign, world.foreignAdmin, world.operator]) {
        const seen = (await items(api, '/api/v1/files?limit=100')).map(({ id }) => id);
        expect(seen.filter((id) => ids.includes(String(id)))).toEqual([]);
        for (const id of ids) {
          expectProblem(await api.send(`/api/v1/files/${id}`), 404, 'file-not-found');
          expectProblem(await api.download(id), 404, 'file-not-found');
          expectProblem(await api.patch(`/api/v1/files/${id}`, { filename: 'x' }), 404, 'file-not-found');
          expectProblem(await api.delete(`/api/v1/files/${id}`), 404, 'file-not-found');
        }
      }
    });

    it('users', async () => {
      const seen = await items(world.foreignAdmin, '/api/v1/users?limit=200');
      expect(new Set(seen.map(({ tenantId }) => tenantId))).toEqual(new Set([world.foreignTenantId]));
      const named = await items(world.foreignAdmin, `/api/v1/users?email=${world.ownerAccount.email}`);
      expect(named).toEqual([]);
    });

    it('keys and sessions', async () => {
      const key = await createKey(world.owner);
      const [session] = await items(world.owner, '/api/v1/auth/sessions');
      for (const api of [world.foreign, world.foreignAdmin]) {
        expect(JSON.stringify(await items(api, '/api/v1/auth/api-keys'))).not.toContain(key.prefix);
        expect(JSON.stringify(await items(api, '/api/v1/auth/sessions'))).not.toContain(String(session?.id));
        expectProblem(await api.delete(`/api/v1/auth/api-keys/${key.id}`), 404, 'api-key-not-found');
        expectProblem(
          await api.delete(`/api/v1/auth/sessions/${String(session?.id)}`),
          404,
          'session-not-found',
        );
      }
    });

    it('audit', async () => {
      await createKey(world.owner);
      const mine = await items(world.admin, '/api/v1/audit?limit=200');
      expect(mine.map(({ actorId }) => actorId)).toContain(world.ownerAccount.id);
      expect(new Set(mine.map(({ tenantId }) => tenantId))).toEqual(new Set([world.tenantId]));
      const theirs = await items(world.foreignAdmin, '/api/v1/audit?limit=200');
      expect(new Set(theirs.map(({ tenantId }) => tenantId))).toEqual(new Set([world.foreignTenantId]));
      const named = await items(world.foreignAdmin, `/api/v1/audit?actorId=${world.ownerAccount.id}`);
      expect(named).toEqual([]);
      expectProblem(
        await world.foreignAdmin.send(`/api/v1/audit?tenant=${world.tenantId}`),
        403,
        'forbidden',
      );
    });
  });
});
