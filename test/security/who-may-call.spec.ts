import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { createKey, openSession, SCOPES } from '../harness/accounts.js';
import { type Api, multipart, patiently } from '../harness/api.js';
import { mint } from '../harness/download-tokens.js';
import type { Answer, Request } from '../harness/http.js';
import type { SeededUser } from '../harness/seed.js';
import { OFFSET_TYPE, TUS, tusCreate } from '../harness/tus.js';
import { beginUpload } from '../harness/uploads.js';
import { useWorld, type World } from '../harness/world.js';

/** Every kind of principal, of two tenants. A key has the rights of its user within its scopes. */
const CALLERS = [
  'anonymous',
  'owner',
  'member',
  'admin',
  /** Of the tenant `default`. */
  'operator',
  /** User and admin of another tenant. */
  'foreign',
  'foreignAdmin',
  /** Keys of the owner: one with every scope, and one with every scope but that of the route. */
  'ownerKey',
  'unfitKey',
  /** Keys of the admin, the operator and the foreign user with every scope. */
  'adminKey',
  'operatorKey',
  'foreignKey',
] as const;
type Caller = (typeof CALLERS)[number];
type Statuses = Readonly<Record<Caller, number>>;
type Scope = (typeof SCOPES)[number];

/** Somebody with the password by which they came. */
interface Person {
  readonly api: Api;
  readonly account?: SeededUser;
}
type People = Readonly<Record<Caller, Person>>;

interface Row {
  /** As in openapi.json. */
  readonly route: string;
  /** What an API key needs; without it keys are refused, as far as credentials matter at all. */
  readonly scope?: Scope;
  /** Makes what the path names, anew for each caller: its id, or its ids with a slash between them. */
  readonly object?: (world: World, people: People) => Promise<string>;
  readonly request?: (world: World, person: Person, people: People) => Request | Promise<Request>;
  /** Callers lose their session by it: each row has people of its own. */
  readonly endsSessions?: true;
  readonly statuses: Statuses;
}

/** Everybody gets the same answer, but for those who are named. */
const all = (status: number, others: Partial<Statuses> = {}): Statuses => ({
  ...(Object.fromEntries(CALLERS.map((caller) => [caller, status])) as Record<Caller, number>),
  ...others,
});

/** For routes that people call and keys do not. */
const people = (status: number, others: Partial<Statuses> = {}): Statuses =>
  all(status, {
    anonymous: 401,
    ownerKey: 403,
    unfitKey: 403,
    adminKey: 403,
    operatorKey: 403,
    foreignKey: 403,
    ...others,
  });

/** For what is the owner's alone. */
const onlyOwner = (status: number): Statuses =>
  all(404, { anonymous: 401, owner: status, ownerKey: status, unfitKey: 403 });

/** For what belongs to the owner, in one of the owner's files. */
const ofOwner = (status: number): Statuses =>
  all(404, {
    anonymous: 401,
    owner: status,
    admin: status,
    ownerKey: status,
    adminKey: status,
    unfitKey: 403,
  });

const forKeys = (status: number): Statuses => all(status, { anonymous: 401, unfitKey: 403 });

const json = (body: unknown, method = 'POST'): Request => ({
  method,
  body: JSON.stringify(body),
  headers: { 'Content-Type': 'application/json' },
});
const remove = (): Request => ({ method: 'DELETE' });
const unique = () => `t-${randomBytes(8).toString('hex')}`;

const file = async ({ owner }: World): Promise<string> => (await owner.upload(randomBytes(10))).id;
const user = async ({ seed, tenantId }: World): Promise<string> => (await seed.user(tenantId)).id;
const downloadToken = async (world: World): Promise<string> => {
  const answer = await world.owner.post(`/api/v1/files/${await file(world)}/tokens`, {});
  return (answer.json as { id: string }).id;
};
const grant = async (world: World): Promise<string> => {
  const id = await file(world);
  const answer = await world.owner.post(`/api/v1/files/${id}/grants`, {
    role: 'user',
    permission: 'download',
  });
  return `${id}/${(answer.json as { id: string }).id}`;
};
const download = async (world: World): Promise<string> => {
  const { headers } = await world.owner.download(await file(world));
  return String(headers['x-download-id']);
};
/** Of the owner, with all its bytes: none. */
const upload = async ({ owner }: World): Promise<string> => (await beginUpload(owner, { size: 0 })).uploadId;
/** Of the owner, with all its bytes: none. So it is completed. */
const tusUpload = async ({ owner }: World): Promise<string> =>
  (await tusCreate(owner, 0)).split('/').at(-1) ?? '';
const tenant = ({ seed }: World): Promise<string> => seed.tenant();

/** Who gets which answer. A route without a row fails the test behind the table. */
const TABLE: readonly Row[] = [
  { route: 'get /health/live', statuses: all(200) },
  { route: 'get /health/ready', statuses: all(200) },

  {
    route: 'post /api/v1/auth/login',
    request: ({ ownerAccount: { email, password } }) => json({ email, password }),
    statuses: all(200),
  },
  {
    route: 'post /api/v1/auth/refresh',
    request: async ({ anonymous, ownerAccount }) =>
      json({ refreshToken: (await openSession(anonymous, ownerAccount)).refreshToken }),
    statuses: all(200),
  },
  {
    route: 'post /api/v1/auth/logout',
    endsSessions: true,
    request: () => ({ method: 'POST' }),
    statuses: people(204),
  },
  {
    route: 'post /api/v1/auth/password',
    endsSessions: true,
    request: (_world, { account }) =>
      json({ currentPassword: account?.password ?? 'x', newPassword: 'a new password' }),
    statuses: people(204),
  },
  { route: 'get /api/v1/auth/me', statuses: people(200) },
  { route: 'get /api/v1/auth/usage', statuses: people(200) },
  { route: 'get /api/v1/auth/sessions', statuses: people(200) },
  { route: 'delete /api/v1/auth/sessions', endsSessions: true, request: remove, statuses: people(204) },
  {
    route: 'delete /api/v1/auth/sessions/{id}',
    object: async ({ anonymous, ownerAccount }) =>
      (await openSession(anonymous, ownerAccount)).refreshToken.split('.')[0] ?? '',
    request: remove,
    statuses: people(404, { owner: 204 }),
  },
  {
    route: 'post /api/v1/auth/api-keys',
    request: () => json({ name: 'x', scopes: ['stats'] }),
    statuses: people(201),
  },
  { route: 'get /api/v1/auth/api-keys', statuses: people(200) },
  {
    route: 'delete /api/v1/auth/api-keys/{id}',
    object: async ({ owner }) => (await createKey(owner)).id,
    request: remove,
    statuses: people(404, { owner: 204 }),
  },

  {
    route: 'post /api/v1/users',
    request: () => json({ email: `${unique()}@example.com`, password: 'a new password' }),
    statuses: people(403, { admin: 201, operator: 201, foreignAdmin: 201 }),
  },
  {
    route: 'get /api/v1/users',
    statuses: people(403, { admin: 200, operator: 200, foreignAdmin: 200 }),
  },
  {
    route: 'get /api/v1/users/{id}',
    object: user,
    statuses: people(403, { admin: 200, operator: 200, foreignAdmin: 404 }),
  },
  {
    route: 'patch /api/v1/users/{id}',
    object: user,
    request: () => json({ disabled: true }, 'PATCH'),
    statuses: people(403, { admin: 200, operator: 200, foreignAdmin: 404 }),
  },
  {
    route: 'delete /api/v1/users/{id}',
    object: user,
    request: remove,
    statuses: people(403, { admin: 204, operator: 204, foreignAdmin: 404 }),
  },

  {
    route: 'post /api/v1/tenants',
    request: () => json({ name: 'x', slug: unique() }),
    statuses: people(403, { operator: 201 }),
  },
  { route: 'get /api/v1/tenants', statuses: people(403, { operator: 200 }) },
  { route: 'get /api/v1/tenants/{id}', object: tenant, statuses: people(403, { operator: 200 }) },
  {
    route: 'patch /api/v1/tenants/{id}',
    object: tenant,
    request: () => json({ suspended: true }, 'PATCH'),
    statuses: people(403, { operator: 200 }),
  },

  {
    route: 'get /api/v1/audit',
    statuses: people(403, { admin: 200, operator: 200, foreignAdmin: 200 }),
  },

  {
    route: 'post /api/v1/files',
    scope: 'upload',
    request: () => ({ method: 'POST', ...multipart([{ name: 'file', value: 'x', filename: 'x' }]) }),
    statuses: forKeys(201),
  },
  {
    route: 'post /api/v1/uploads',
    scope: 'upload',
    request: () => json({ filename: 'x', size: 1 }),
    statuses: forKeys(201),
  },
  {
    route: 'post /api/v1/uploads/progress',
    scope: 'upload',
    request: async (world) => json({ uploadId: await upload(world) }),
    statuses: onlyOwner(200),
  },
  { route: 'get /api/v1/uploads/{id}', scope: 'upload', object: upload, statuses: onlyOwner(200) },
  {
    route: 'put /api/v1/uploads/{id}/chunks/{index}',
    scope: 'upload',
    object: async ({ owner }) => `${(await beginUpload(owner, { size: 1 })).uploadId}/0`,
    request: () => ({ method: 'PUT', body: 'x', headers: { 'Content-Length': 1 } }),
    statuses: onlyOwner(204),
  },
  {
    route: 'post /api/v1/uploads/{id}/complete',
    scope: 'upload',
    object: upload,
    request: () => ({ method: 'POST' }),
    statuses: onlyOwner(201),
  },
  { route: 'options /api/v1/tus', request: () => ({ method: 'OPTIONS' }), statuses: all(204) },
  {
    route: 'options /api/v1/tus/{id}',
    object: tusUpload,
    request: () => ({ method: 'OPTIONS' }),
    statuses: all(204),
  },
  {
    route: 'post /api/v1/tus',
    scope: 'upload',
    request: () => ({ method: 'POST', headers: { ...TUS, 'Upload-Length': 0 } }),
    statuses: forKeys(201),
  },
  {
    route: 'head /api/v1/tus/{id}',
    scope: 'upload',
    object: tusUpload,
    request: () => ({ method: 'HEAD', headers: TUS }),
    statuses: onlyOwner(200),
  },
  {
    route: 'patch /api/v1/tus/{id}',
    scope: 'upload',
    object: tusUpload,
    request: () => ({
      method: 'PATCH',
      headers: { ...TUS, 'Content-Type': OFFSET_TYPE, 'Upload-Offset': 0, 'Content-Length': 0 },
    }),
    statuses: onlyOwner(204),
  },
  {
    route: 'post /api/v1/tus/{id}',
    scope: 'upload',
    object: tusUpload,
    request: () => ({ method: 'POST', headers: { ...TUS, 'X-HTTP-Method-Override': 'HEAD' } }),
    statuses: onlyOwner(204),
  },
  {
    route: 'delete /api/v1/tus/{id}',
    scope: 'upload',
    object: tusUpload,
    request: () => ({ method: 'DELETE', headers: TUS }),
    statuses: onlyOwner(204),
  },
  {
    route: 'post /api/v1/uploads/{id}/parts',
    scope: 'upload',
    object: upload,
    // Its chunks come to us: nobody gets URLs for them.
    request: () => json({ indexes: [0] }),
    statuses: forKeys(404),
  },
  {
    route: 'post /api/v1/uploads/{id}/proof',
    scope: 'upload',
    object: upload,
    // Nothing is to be proven: who may, hears that.
    request: () => json({ digest: 'ab'.repeat(32) }),
    statuses: onlyOwner(422),
  },
  {
    route: 'delete /api/v1/uploads/{id}',
    scope: 'upload',
    object: upload,
    request: remove,
    statuses: onlyOwner(204),
  },
  { route: 'get /api/v1/files', scope: 'files:read', statuses: forKeys(200) },
  { route: 'get /api/v1/files/{id}', scope: 'files:read', object: file, statuses: ofOwner(200) },
  {
    route: 'patch /api/v1/files/{id}',
    scope: 'files:write',
    object: file,
    request: () => json({ filename: 'renamed' }, 'PATCH'),
    statuses: ofOwner(200),
  },
  {
    route: 'delete /api/v1/files/{id}',
    scope: 'files:write',
    object: file,
    request: remove,
    statuses: ofOwner(204),
  },
  { route: 'get /api/v1/files/{id}/grants', scope: 'files:read', object: file, statuses: ofOwner(200) },
  {
    route: 'post /api/v1/files/{id}/grants',
    scope: 'files:write',
    object: file,
    request: () => json({ role: 'user', permission: 'manage' }),
    statuses: ofOwner(201),
  },
  {
    route: 'delete /api/v1/files/{id}/grants/{grantId}',
    scope: 'files:write',
    object: grant,
    request: remove,
    // The grant is to the members of the tenant: they see the file.
    statuses: { ...ofOwner(204), member: 403 },
  },
  {
    route: 'post /api/v1/grants',
    scope: 'files:write',
    request: async (world) =>
      json({ fileIds: [await file(world)], grants: [{ role: 'user', permission: 'manage' }] }),
    statuses: ofOwner(200),
  },
  {
    route: 'post /api/v1/storage/credentials',
    scope: 'storage:credentials',
    // Its file is not in a bucket: who may have it gets 422 for that.
    request: async (world) => json({ fileIds: [await file(world)] }),
    statuses: ofOwner(422),
  },
  {
    route: 'post /api/v1/storage/sweep',
    request: () => json({ dryRun: true }),
    statuses: people(403, { operator: 200 }),
  },
  {
    route: 'post /api/v1/files/{id}/verify',
    object: file,
    request: () => ({ method: 'POST' }),
    statuses: people(403, { admin: 200, operator: 404, foreignAdmin: 404 }),
  },
  {
    route: 'post /api/v1/files/{id}/tokens',
    scope: 'tokens',
    object: file,
    request: () => json({}),
    statuses: ofOwner(201),
  },
  { route: 'get /api/v1/files/{id}/tokens', scope: 'tokens', object: file, statuses: ofOwner(200) },
  {
    route: 'delete /api/v1/files/{id}/tokens',
    scope: 'tokens',
    object: file,
    request: remove,
    statuses: ofOwner(204),
  },
  {
    route: 'delete /api/v1/tokens/{id}',
    scope: 'tokens',
    object: downloadToken,
    request: remove,
    statuses: ofOwner(204),
  },
  { route: 'delete /api/v1/tokens', scope: 'tokens', request: remove, statuses: forKeys(204) },
  {
    route: 'delete /api/v1/users/{id}/tokens',
    object: user,
    request: remove,
    statuses: people(403, { admin: 204, operator: 204, foreignAdmin: 404 }),
  },
  {
    route: 'delete /api/v1/downloads/{id}',
    object: download,
    request: remove,
    statuses: people(403, { admin: 200, operator: 200, foreignAdmin: 404 }),
  },
  { route: 'get /download/{fileId}', scope: 'download', object: file, statuses: ofOwner(200) },
];

/** Routes that do not look at credentials. */
const OPEN = new Set(TABLE.filter(({ statuses }) => statuses.anonymous < 400).map(({ route }) => route));

interface Document {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { readonly security?: readonly Readonly<Record<string, unknown>>[] }>>
    >
  >;
}

function routesOfDocument(): Map<string, readonly string[]> {
  const { paths } = JSON.parse(readFileSync('openapi.json', 'utf8')) as Document;
  return new Map(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { security = [] }]) => [
        `${method} ${path}`,
        security.flatMap((scheme) => Object.keys(scheme)),
      ]),
    ),
  );
}

/** An id of nothing: the least that others might have made public. */
const NOBODYS = '9223372036854775807';

describe('who may call', () => {
  const world = useWorld();
  const keys = new Map<Scope | undefined, Person>();
  let usual: Omit<People, 'unfitKey'>;
  /** An admin who was disabled and one of a tenant that is suspended, by their sessions and keys. */
  let gone: readonly Api[];

  const keyOf = async (api: Api, scopes?: readonly string[]): Promise<Person> => ({
    api: world.anonymous.withKey((await createKey(api, scopes)).key),
  });

  beforeAll(async () => {
    const { owner, member, admin, operator, foreign, foreignAdmin, anonymous } = world;
    usual = {
      anonymous: { api: anonymous },
      owner: { api: owner },
      member: { api: member },
      admin: { api: admin },
      operator: { api: operator },
      foreign: { api: foreign },
      foreignAdmin: { api: foreignAdmin },
      ownerKey: await keyOf(owner),
      adminKey: await keyOf(admin),
      operatorKey: await keyOf(operator),
      foreignKey: await keyOf(foreign),
    };
    const suspended = await world.seed.tenant();
    const accounts = [
      await world.seed.user(world.tenantId, 'admin'),
      await world.seed.user(suspended, 'admin'),
    ];
    const apis: Api[] = [];
    for (const { email, password } of accounts) {
      const api = await anonymous.login(email, password);
      apis.push(api, (await keyOf(api)).api);
    }
    const disabled = await admin.patch(`/api/v1/users/${accounts[0]?.id ?? ''}`, { disabled: true });
    expect(disabled.status).toBe(200);
    const ended = await operator.patch(`/api/v1/tenants/${suspended}`, { suspended: true });
    expect(ended.status).toBe(200);
    gone = apis;
  });

  /** A key of the owner with every scope but this one. */
  const unfitKey = async (scope: Scope | undefined): Promise<Person> => {
    const scopes = SCOPES.filter((other) => other !== scope);
    const key = keys.get(scope) ?? (await keyOf(world.owner, scopes));
    keys.set(scope, key);
    return key;
  };

  /** New accounts for those who log in. */
  const newcomers = async (): Promise<Partial<People>> => {
    const enter = async (account: SeededUser): Promise<Person> => ({
      account,
      api: await world.anonymous.login(account.email, account.password),
    });
    const { seed, tenantId, foreignTenantId } = world;
    return {
      owner: await enter(await seed.user(tenantId)),
      member: await enter(await seed.user(tenantId)),
      admin: await enter(await seed.user(tenantId, 'admin')),
      operator: await enter(await seed.user(await seed.defaultTenant(), 'operator')),
      foreign: await enter(await seed.user(foreignTenantId)),
      foreignAdmin: await enter(await seed.user(foreignTenantId, 'admin')),
    };
  };

  const everybody = async ({ scope, endsSessions }: Row): Promise<People> => ({
    ...usual,
    unfitKey: await unfitKey(scope),
    ...(endsSessions && (await newcomers())),
  });

  /** The row's request on a new object, with other credentials or another query when `alter` says so. */
  const call = async (
    row: Row,
    everyone: People,
    caller: Caller,
    alter: (path: string) => string = (path) => path,
  ): Promise<Answer> => {
    const id = (await row.object?.(world, everyone)) ?? '';
    const ids = id.split('/');
    const path = alter((row.route.split(' ')[1] ?? '').replace(/\{\w+\}/g, () => ids.shift() ?? ''));
    // Made again for a retry: what it names may be spent.
    return patiently(async () => {
      const request = await row.request?.(world, everyone[caller], everyone);
      return everyone[caller].api.send(path, request);
    });
  };

  it.each(TABLE)('$route', async (row) => {
    const everyone = await everybody(row);
    const found: Partial<Record<Caller, number>> = {};
    const texts: string[] = [];
    for (const caller of CALLERS) {
      const { status, text } = await call(row, everyone, caller);
      found[caller] = status;
      if (status !== row.statuses[caller]) texts.push(`${caller}: ${text.slice(0, 300)}`);
    }
    expect(found, texts.join('\n')).toEqual(row.statuses);
  });

  describe('credentials are read where they belong, and nowhere else', () => {
    const closed = TABLE.filter(({ route }) => !OPEN.has(route));

    it.each(closed)('not in the query: $route', async (row) => {
      const everyone = await everybody(row);
      for (const name of ['token', 'access_token', 'jwt', 'authorization']) {
        const { status } = await call(
          row,
          everyone,
          'anonymous',
          (path) => `${path}?${name}=${world.operator.token ?? ''}`,
        );
        expect([401, 403], `${name}: ${status}`).toContain(status);
      }
      const key = usual.ownerKey.api.apiKey ?? '';
      for (const name of ['apiKey', 'X-API-Key', 'token']) {
        const { status } = await call(row, everyone, 'anonymous', (path) => `${path}?${name}=${key}`);
        expect([401, 403], `${name}: ${status}`).toContain(status);
      }
    });

    it.each(closed)('a link opens its download and nothing else: $route', async (row) => {
      const everyone = await everybody(row);
      const token = await mint(world.owner, await file(world));
      const isDownload = row.route.endsWith('/download/{fileId}');
      const asked = await call(row, everyone, 'anonymous', (path) => `${path}?token=${token.token}`);
      expect(asked.status).toBe(isDownload ? 403 : 401);
      for (const api of [world.anonymous.as(token.token), world.anonymous.withKey(token.token)]) {
        const { status } = await call(row, { ...everyone, anonymous: { api } }, 'anonymous');
        expect(status).toBe(401);
      }
    });

    it.each(closed)('who is disabled, or of a suspended tenant, is nobody: $route', async (row) => {
      const everyone = await everybody(row);
      for (const api of gone) {
        expect((await call(row, { ...everyone, anonymous: { api } }, 'anonymous')).status).toBe(401);
      }
    });

    it.each(closed)('credentials that do not hold are refused: $route', async (row) => {
      const wrong: Request['headers'][] = [
        { Authorization: 'Bearer x.y.z' },
        { Authorization: `Basic ${Buffer.from('admin@example.com:x').toString('base64')}` },
        { 'X-API-Key': `dsk_aaaaaaaaaa_${'A'.repeat(43)}` },
        { Cookie: `token=${world.operator.token ?? ''}; Authorization=${world.operator.token ?? ''}` },
        { Authorization: `Bearer ${world.owner.token ?? ''}`, 'X-API-Key': usual.ownerKey.api.apiKey },
      ];
      const everyone = await everybody(row);
      const path = (row.route.split(' ')[1] ?? '').replace(/\{\w+\}/g, NOBODYS);
      for (const headers of wrong) {
        const request = (await row.request?.(world, everyone.anonymous, everyone)) ?? {};
        const { status } = await world.anonymous.send(path, {
          ...request,
          headers: { ...request.headers, ...headers },
        });
        expect(status, JSON.stringify(headers)).toBe(401);
      }
    });
  });

  describe('the table is complete', () => {
    const routes = routesOfDocument();

    it('it has every route of the API', () => {
      expect(TABLE.map(({ route }) => route).toSorted()).toEqual([...routes.keys()].toSorted());
    });

    it('each row says what each kind of principal gets', () => {
      for (const { route, statuses } of TABLE) {
        expect(Object.keys(statuses).toSorted(), route).toEqual([...CALLERS].toSorted());
        for (const caller of CALLERS) expect(statuses[caller], `${route}: ${caller}`).toBeGreaterThan(0);
      }
    });

    it('the API says of the same routes that they take tokens and keys', () => {
      for (const { route, scope } of TABLE) {
        const expected = OPEN.has(route) ? [] : scope === undefined ? ['jwt'] : ['jwt', 'apiKey'];
        expect(routes.get(route), route).toEqual(expected);
      }
    });
  });
});
