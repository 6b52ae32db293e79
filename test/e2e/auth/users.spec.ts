import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createKey, expectInvalid, openSession, refresh } from '../../harness/accounts.js';
import { type Api, expectProblem, patiently } from '../../harness/api.js';
import type { Answer } from '../../harness/http.js';
import { useWorld } from '../../harness/world.js';

const USERS = '/api/v1/users';
const ME = '/api/v1/auth/me';
const LOGIN = '/api/v1/auth/login';
const PASSWORD = 'correct horse battery staple';

interface UserJson {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly tenantId: string;
  readonly disabled: boolean;
  readonly limits: Record<string, number>;
  readonly createdAt: string;
  readonly updatedAt: string;
}

interface PageJson {
  readonly items: UserJson[];
  readonly nextCursor: string | null;
}

const unique = (name = 'u') => `${name}-${randomBytes(8).toString('hex')}`;
const newEmail = () => `${unique()}@example.com`;
const pathOf = (id: string) => `${USERS}/${id}`;

const create = (api: Api, user: object): Promise<Answer> =>
  patiently(() => api.post(USERS, { password: PASSWORD, ...user }));
const change = (api: Api, id: string, what: unknown): Promise<Answer> =>
  patiently(() => api.patch(pathOf(id), what));

async function created(api: Api, user: object = {}): Promise<UserJson> {
  const answer = await create(api, { email: newEmail(), ...user });
  expect(answer.status, answer.text).toBe(201);
  return answer.json as UserJson;
}

async function page(api: Api, query: string): Promise<PageJson> {
  const answer = await api.send(`${USERS}?${query}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.json as PageJson;
}

/** All pages; `between` runs before each further one. */
async function walk(api: Api, query: string, between: () => Promise<unknown> = () => Promise.resolve()) {
  const found: UserJson[] = [];
  let at = await page(api, query);
  for (;;) {
    found.push(...at.items);
    if (at.nextCursor === null) return found;
    await between();
    at = await page(api, `${query}&cursor=${at.nextCursor}`);
  }
}

describe('users', () => {
  const world = useWorld();

  describe('POST /api/v1/users', () => {
    it('201: an account of the tenant, which can log in', async () => {
      const email = newEmail();
      const answer = await create(world.admin, { email });
      expect(answer.status, answer.text).toBe(201);
      const user = answer.json as UserJson;
      expect(user).toEqual({
        id: expect.stringMatching(/^[1-9]\d*$/) as unknown,
        email,
        role: 'user',
        tenantId: world.tenantId,
        disabled: false,
        limits: {},
        createdAt: expect.stringMatching(/Z$/) as unknown,
        updatedAt: expect.stringMatching(/Z$/) as unknown,
      });
      expect(answer.headers.location).toBe(pathOf(user.id));
      expect((await world.admin.send(pathOf(user.id))).json).toEqual(user);
      const session = await world.anonymous.login(email, PASSWORD);
      expect((await session.send(ME)).json).toMatchObject({ id: user.id, role: 'user' });
    });

    it('201: an admin makes admins, an operator makes operators', async () => {
      expect((await created(world.admin, { role: 'admin' })).role).toBe('admin');
      expect((await created(world.operator, { role: 'operator' })).role).toBe('operator');
    });

    it('403: an admin makes no operator', async () => {
      expectProblem(await create(world.admin, { email: newEmail(), role: 'operator' }), 403, 'forbidden');
    });

    it('an operator names the tenant; an admin only its own', async () => {
      expect((await created(world.operator, { tenant: world.foreignTenantId })).tenantId).toBe(
        world.foreignTenantId,
      );
      expect((await created(world.operator)).tenantId).toBe(await world.seed.defaultTenant());
      expect((await created(world.admin, { tenant: world.tenantId })).tenantId).toBe(world.tenantId);
      const elsewhere = { email: newEmail(), tenant: world.foreignTenantId };
      expectProblem(await create(world.admin, elsewhere), 403, 'forbidden');
      // Whether it exists is nothing that an admin is told.
      const nowhere = { email: newEmail(), tenant: '9223372036854775807' };
      expectProblem(await create(world.admin, nowhere), 403, 'forbidden');
      expectProblem(await create(world.operator, nowhere), 404, 'tenant-not-found');
    });

    it('409: an address is taken in whatever case, form or tenant', async () => {
      const name = unique('J\u030C\u00E4n');
      const { email } = await created(world.admin, { email: `  ${name}@Example.COM ` });
      expect(email).toBe(`${name}@example.com`.normalize('NFC').toLowerCase().normalize('NFC'));
      const spellings = [
        email,
        email.toUpperCase(),
        email.normalize('NFD'),
        email.toUpperCase().normalize('NFD'),
        `${email} `,
      ];
      for (const spelling of spellings) {
        for (const api of [world.admin, world.foreignAdmin, world.operator]) {
          const answer = await create(api, { email: spelling });
          expectProblem(answer, 409, 'email-taken');
        }
        const login = await patiently(() =>
          world.anonymous.post(LOGIN, { email: spelling, password: PASSWORD }),
        );
        expect(login.status, JSON.stringify(spelling)).toBe(200);
      }
    });

    it('of 8 accounts with one address at once, one comes to be', async () => {
      const email = newEmail();
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, at) =>
          create(at % 2 === 0 ? world.admin : world.foreignAdmin, { email }),
        ),
      );
      expect(answers.map(({ status }) => status).toSorted()).toEqual([201, ...Array<number>(7).fill(409)]);
    });

    it('an address that only fits before it is normalised is a wrong form', async () => {
      // Each İ becomes two code points in lower case.
      const label = '\u0130'.repeat(60);
      expectInvalid(await create(world.admin, { email: `a@${label}.${label}.com` }), ['email']);
    });

    it.each<[string, unknown, string[]]>([
      ['nothing', {}, ['email', 'password']],
      ['an array', [], ['email', 'password']],
      ['no address', { password: PASSWORD }, ['email']],
      ['an address that is none', { email: 'ann', password: PASSWORD }, ['email']],
      ['an address that is null', { email: null, password: PASSWORD }, ['email']],
      ['an address that is an object', { email: { $ne: 1 }, password: PASSWORD }, ['email']],
      ['two addresses', { email: ['a@example.com'], password: PASSWORD }, ['email']],
      ['NUL in the address', { email: 'a\u0000@example.com', password: PASSWORD }, ['email']],
      ['an invisible letter', { email: 'a\u200B@example.com', password: PASSWORD }, ['email']],
      ['a line break', { email: 'a@example.com\r\nBcc: b@example.com', password: PASSWORD }, ['email']],
      ['no password', { email: 'a@example.com' }, ['password']],
      ['a password of 7', { email: 'a@example.com', password: '1234567' }, ['password']],
      ['a password of 7 emoji', { email: 'a@example.com', password: '😀'.repeat(7) }, ['password']],
      ['a password of 1,025', { email: 'a@example.com', password: 'x'.repeat(1_025) }, ['password']],
      ['a number as password', { email: 'a@example.com', password: 12_345_678 }, ['password']],
      ['a password that is null', { email: 'a@example.com', password: null }, ['password']],
      ['an unknown role', { email: 'a@example.com', password: PASSWORD, role: 'root' }, ['role']],
      ['no role', { email: 'a@example.com', password: PASSWORD, role: null }, ['role']],
      ['two roles', { email: 'a@example.com', password: PASSWORD, role: ['user'] }, ['role']],
      ['a tenant that is a number', { email: 'a@example.com', password: PASSWORD, tenant: 1 }, ['tenant']],
      [
        'a tenant that is no id',
        { email: 'a@example.com', password: PASSWORD, tenant: 'default' },
        ['tenant'],
      ],
      ['a tenant that is null', { email: 'a@example.com', password: PASSWORD, tenant: null }, ['tenant']],
      ['an unknown member', { email: 'a@example.com', password: PASSWORD, tenantId: '1' }, ['tenantId']],
      ['a member of the row', { email: 'a@example.com', password: PASSWORD, limits: {} }, ['limits']],
    ])('400: %s', async (_name, body, fields) => {
      expectInvalid(await world.admin.post(USERS, body), fields);
    });

    it.each(['null', '"x"', '7', '[{"email":"a@example.com","password":"12345678"}]', '', '{'])(
      '400: the body %s',
      async (body) => {
        const headers = { 'Content-Type': 'application/json' };
        expectProblem(
          await world.admin.send(USERS, { method: 'POST', body, headers }),
          400,
          'validation-failed',
        );
      },
    );

    it('413: a password of 100 kilobytes', async () => {
      const password = 'x'.repeat(100_000);
      expectProblem(await world.admin.post(USERS, { email: newEmail(), password }), 413, 'payload-too-large');
    });

    it('a password of 8 or of 1,024 letters, whatever they are, opens the account', async () => {
      for (const password of ['12345678', '😀'.repeat(8), `${' '.repeat(1_020)}\u0000é\t\u00E4`]) {
        const { email } = await created(world.admin, { password });
        await world.anonymous.login(email, password);
      }
    });

    it('a password is the same however a keyboard composes it (RFC 8265 §4.2)', async () => {
      const { email } = await created(world.admin, { password: 'schl\u00FCssel-wort' });
      await world.anonymous.login(email, 'schlu\u0308ssel-wort');
    });
  });

  describe('GET /api/v1/users', () => {
    it('shows the users of the tenant that are not deleted, by id', async () => {
      const api = world.foreignAdmin;
      const gone = await created(api);
      expect((await api.delete(pathOf(gone.id))).status).toBe(204);
      const { items } = await page(api, 'limit=200');
      expect(items.length).toBeGreaterThan(1);
      expect(items.every(({ tenantId }) => tenantId === world.foreignTenantId)).toBe(true);
      expect(items.map(({ id }) => id)).not.toContain(gone.id);
      const ids = items.map(({ id }) => BigInt(id));
      expect(ids).toEqual(ids.toSorted((a, b) => (a < b ? -1 : 1)));
    });

    it('filters by a part of the address, in any case and form, and by role', async () => {
      const part = unique('fÄ\u00DFchen%_');
      const names = [`a.${part}`, `b.${part}`, `${part}.c`];
      for (const name of names) {
        const role = name.startsWith('b') ? 'admin' : 'user';
        await created(world.admin, { email: `${name}@example.com`, role });
      }
      const find = async (query: string) => (await page(world.admin, query)).items.map(({ email }) => email);
      const search = (text: string) => `email=${encodeURIComponent(text)}`;
      const addresses = names.map((name) => `${name}@example.com`.toLowerCase());
      expect(await find(search(part))).toEqual(addresses);
      expect(await find(search(part.toUpperCase().replaceAll('SS', 'ß').normalize('NFD')))).toEqual(
        addresses,
      );
      expect(await find(`${search(part)}&role=admin`)).toEqual([addresses[1]]);
      expect(await find(`${search(part)}&role=operator`)).toEqual([]);
      // Neither a pattern nor a piece of SQL.
      for (const text of ['f%chen', 'f_chen', "'OR/**/true--", '\\', '$1', '?']) {
        const found = await find(search(text));
        expect(found.filter((email) => addresses.includes(email))).toEqual([]);
      }
    });

    it.each([1, 2, 3, 7, 200])('pages of %d show each user once, while others come and go', async (limit) => {
      const api = world.foreignAdmin;
      const part = unique('page');
      const users: UserJson[] = [];
      for (let at = 0; at < 7; at += 1) users.push(await createdCheaply(part, at));
      const later: string[] = [];
      const found = await walk(api, `email=${part}&limit=${limit}`, async () => {
        const { id } = await createdCheaply(`other-${unique()}`, 0);
        later.push(id);
      });
      expect(found.map(({ id }) => id)).toEqual(users.map(({ id }) => id));
      expect(later).toHaveLength(Math.ceil(7 / limit) - 1);
    });

    /** Past the hashing, of which a page needs none. */
    async function createdCheaply(part: string, at: number): Promise<UserJson> {
      const { id } = await world.seed.user(world.foreignTenantId);
      await world.seed.query('UPDATE users SET email = $2 WHERE id = $1', [id, `${at}.${part}@example.com`]);
      return (await world.foreignAdmin.send(pathOf(id))).json as UserJson;
    }

    it('a user that is deleted between two pages moves no other', async () => {
      const part = unique('gone');
      const users = [];
      for (let at = 0; at < 5; at += 1) users.push(await createdCheaply(part, at));
      const [first, second] = users;
      const found = await walk(world.foreignAdmin, `email=${part}&limit=2`, () =>
        Promise.all([first, second].map((user) => world.foreignAdmin.delete(pathOf(user?.id ?? '')))),
      );
      expect(found.map(({ id }) => id)).toEqual(users.map(({ id }) => id));
    });

    it('an operator names the tenant; an admin only its own', async () => {
      const listed = await page(world.operator, `tenant=${world.tenantId}&limit=200`);
      expect(listed.items.map(({ id }) => id)).toContain(world.ownerAccount.id);
      expect((await page(world.admin, `tenant=${world.tenantId}`)).items).not.toHaveLength(0);
      const elsewhere = await world.admin.send(`${USERS}?tenant=${world.foreignTenantId}`);
      expectProblem(elsewhere, 403, 'forbidden');
    });

    it.each([
      ['limit=0', 'limit'],
      ['limit=201', 'limit'],
      ['limit=-1', 'limit'],
      ['limit=1.5', 'limit'],
      ['limit=x', 'limit'],
      ['limit=', 'limit'],
      ['limit=1&limit=2', 'limit'],
      ['cursor=x', 'cursor'],
      ['cursor=', 'cursor'],
      ['cursor=MA', 'cursor'],
      ['cursor=MQ%3D%3D', 'cursor'],
      ['cursor=MQ&cursor=MQ', 'cursor'],
      [`cursor=${'x'.repeat(65)}`, 'cursor'],
      ['role=king', 'role'],
      ['role=user&role=admin', 'role'],
      ['email=', 'email'],
      ['email=%20', 'email'],
      ['email=%00', 'email'],
      [`email=${'x'.repeat(255)}`, 'email'],
      ['tenant=0', 'tenant'],
      ['tenant=default', 'tenant'],
      ['unknown=1', 'unknown'],
      ['password_hash=x', 'password_hash'],
    ])('400: %s', async (query, field) => {
      expectInvalid(await world.admin.send(`${USERS}?${query}`), [field]);
    });
  });

  describe('the user of another tenant does not exist', () => {
    it('404: to see, to change, to delete, for its admins too', async () => {
      const { id } = world.memberAccount;
      for (const target of [id, '9223372036854775807']) {
        expectProblem(await world.foreignAdmin.send(pathOf(target)), 404, 'user-not-found');
        expectProblem(await change(world.foreignAdmin, target, { disabled: true }), 404, 'user-not-found');
        expectProblem(
          await change(world.foreignAdmin, target, { password: PASSWORD }),
          404,
          'user-not-found',
        );
        expectProblem(await world.foreignAdmin.delete(pathOf(target)), 404, 'user-not-found');
      }
      expect((await world.member.send(ME)).status).toBe(200);
      expect((await world.operator.send(pathOf(id))).json).toMatchObject({ id, tenantId: world.tenantId });
    });

    it.each(['0', '-1', '01', '1e3', '0x1', '9223372036854775808', 'x', '%00', '1%2f1', '+1'])(
      '400: the id %s',
      async (id) => {
        expectProblem(await world.admin.send(pathOf(id)), 400, 'validation-failed');
        expectProblem(await change(world.admin, id, { disabled: true }), 400, 'validation-failed');
        expectProblem(await world.admin.delete(pathOf(id)), 400, 'validation-failed');
      },
    );
  });

  describe('roles', () => {
    it('403: an admin neither makes operators nor touches one of its own tenant; an operator does', async () => {
      const operator = await world.seed.user(world.tenantId, 'operator');
      const member = await world.seed.user(world.tenantId);
      expect((await world.admin.send(pathOf(operator.id))).status).toBe(200);
      const touches = [
        { role: 'user' },
        { disabled: true },
        { disabled: false },
        { password: PASSWORD },
        { limits: { userRate: 2_048 } },
      ];
      for (const touch of touches) {
        expectProblem(await change(world.admin, operator.id, touch), 403, 'forbidden');
      }
      expectProblem(await world.admin.delete(pathOf(operator.id)), 403, 'forbidden');
      expectProblem(await change(world.admin, member.id, { role: 'operator' }), 403, 'forbidden');
      expect((await change(world.operator, member.id, { role: 'operator' })).json).toMatchObject({
        role: 'operator',
      });
      expect((await change(world.operator, operator.id, { role: 'user' })).json).toMatchObject({
        role: 'user',
      });
      expect((await world.operator.delete(pathOf(operator.id))).status).toBe(204);
    });

    it('a role holds from the next request on, in both directions', async () => {
      const { id, email, password } = await world.seed.user(world.tenantId);
      const api = await world.anonymous.login(email, password);
      expectProblem(await api.send(USERS), 403, 'forbidden');
      expect((await change(world.admin, id, { role: 'admin' })).status).toBe(200);
      expect((await api.send(USERS)).status).toBe(200);
      expect((await change(world.admin, id, { role: 'user' })).status).toBe(200);
      expectProblem(await api.send(USERS), 403, 'forbidden');
    });

    it('409: nobody demotes, disables or deletes themselves, nor resets their own password', async () => {
      for (const role of ['admin', 'operator'] as const) {
        const { id, email, password } = await world.seed.user(world.tenantId, role);
        const api = await world.anonymous.login(email, password);
        for (const what of [{ role: 'user' }, { role }, { disabled: true }, { password: PASSWORD }]) {
          expectProblem(await change(api, id, what), 409, 'own-account');
        }
        expectProblem(await api.delete(pathOf(id)), 409, 'own-account');
        expect((await change(api, id, { disabled: false, limits: { userRate: 4_096 } })).json).toMatchObject({
          role,
          disabled: false,
          limits: { userRate: 4_096 },
        });
        expect((await api.send(ME)).status).toBe(200);
      }
    });

    it.each<[string, (api: Api, id: string) => Promise<Answer>, (api: Api, id: string) => Promise<Answer>]>([
      ['delete', remove, remove],
      ['disable', disable, disable],
      ['demote', demote, demote],
      ['delete and demote', remove, demote],
      ['disable and delete', disable, remove],
    ])('of two operators who %s each other at once, exactly one succeeds', async (_name, mine, yours) => {
      for (let round = 0; round < 6; round += 1) {
        const accounts = await Promise.all([1, 2].map(() => world.seed.user(world.tenantId, 'operator')));
        const [a, b] = accounts;
        const [one, two] = await Promise.all(
          accounts.map(({ email, password }) => world.anonymous.login(email, password)),
        );
        if (a === undefined || b === undefined || one === undefined || two === undefined) throw new Error();
        const answers = await Promise.all([mine(one, b.id), yours(two, a.id)]);
        const statuses = answers.map(({ status }) => status);
        expect(statuses.filter((status) => status < 300)).toHaveLength(1);
        expect([401, 403]).toContain(statuses.find((status) => status >= 300));
        const [row] = await world.seed.query<{ count: number }>(
          `SELECT count(*)::integer AS count FROM users
           WHERE id = ANY ($1) AND role = 'operator' AND disabled_at IS NULL AND deleted_at IS NULL`,
          [[a.id, b.id]],
        );
        expect(row?.count).toBe(1);
      }
    });

    function remove(api: Api, id: string): Promise<Answer> {
      return api.delete(pathOf(id));
    }
    function disable(api: Api, id: string): Promise<Answer> {
      return api.patch(pathOf(id), { disabled: true });
    }
    function demote(api: Api, id: string): Promise<Answer> {
      return api.patch(pathOf(id), { role: 'user' });
    }
  });

  describe('PATCH /api/v1/users/:id', () => {
    const target = () => world.seed.user(world.tenantId);

    it('limits are set, merged, taken back, and left alone', async () => {
      const { id } = await target();
      const steps: [object, object][] = [
        [{ maxConcurrentDownloads: 3 }, { maxConcurrentDownloads: 3 }],
        [{ transferRate: 1_024 }, { maxConcurrentDownloads: 3, transferRate: 1_024 }],
        [{}, { maxConcurrentDownloads: 3, transferRate: 1_024 }],
        [
          { maxConcurrentDownloads: 1_000_000, transferRate: null, userRate: 2 ** 40 },
          { maxConcurrentDownloads: 1_000_000, userRate: 2 ** 40 },
        ],
        [{ userRate: null, transferRate: null }, { maxConcurrentDownloads: 1_000_000 }],
        [{ maxConcurrentDownloads: null }, {}],
        [{ quotaBytes: 0 }, { quotaBytes: 0 }],
        [{ quotaBytes: Number.MAX_SAFE_INTEGER }, { quotaBytes: Number.MAX_SAFE_INTEGER }],
        [{ quotaBytes: null }, {}],
      ];
      for (const [limits, expected] of steps) {
        const answer = await change(world.admin, id, { limits });
        expect(answer.status, answer.text).toBe(200);
        expect((answer.json as UserJson).limits).toEqual(expected);
        expect(((await world.admin.send(pathOf(id))).json as UserJson).limits).toEqual(expected);
      }
    });

    it('changes of different limits at once do not undo each other', async () => {
      const { id } = await target();
      const changes = [{ maxConcurrentDownloads: 7 }, { transferRate: 2_000 }, { userRate: 3_000 }];
      await Promise.all(changes.map((limits) => change(world.admin, id, { limits })));
      expect((await world.admin.send(pathOf(id))).json).toMatchObject({
        limits: { maxConcurrentDownloads: 7, transferRate: 2_000, userRate: 3_000 },
      });
    });

    it.each<[string, unknown, string[]]>([
      ['an unknown role', { role: 'root' }, ['role']],
      ['a role that is null', { role: null }, ['role']],
      ['a text instead of true', { disabled: 'true' }, ['disabled']],
      ['a number instead of true', { disabled: 1 }, ['disabled']],
      ['disabled null', { disabled: null }, ['disabled']],
      ['a short password', { password: '1234567' }, ['password']],
      ['a long password', { password: 'x'.repeat(1_025) }, ['password']],
      ['a password that is null', { password: null }, ['password']],
      ['a password that is an array', { password: ['12345678'] }, ['password']],
      ['limits that are null', { limits: null }, ['limits']],
      ['limits that are an array', { limits: [] }, ['limits']],
      ['limits that are an array of limits', { limits: [{ userRate: 2_048 }] }, ['limits']],
      ['limits that are a number', { limits: 7 }, ['limits']],
      ['limits that are a text', { limits: 'none' }, ['limits']],
      ['an unknown limit', { limits: { maxDownloads: 1 } }, ['limits.maxDownloads']],
      ['no download at once', { limits: { maxConcurrentDownloads: 0 } }, ['limits.maxConcurrentDownloads']],
      ['too many', { limits: { maxConcurrentDownloads: 1_000_001 } }, ['limits.maxConcurrentDownloads']],
      ['half a download', { limits: { maxConcurrentDownloads: 1.5 } }, ['limits.maxConcurrentDownloads']],
      ['a text as limit', { limits: { maxConcurrentDownloads: '5' } }, ['limits.maxConcurrentDownloads']],
      ['true as limit', { limits: { maxConcurrentDownloads: true } }, ['limits.maxConcurrentDownloads']],
      ['a rate that is too slow', { limits: { transferRate: 1_023 } }, ['limits.transferRate']],
      ['a rate of nothing', { limits: { userRate: 0 } }, ['limits.userRate']],
      ['a negative rate', { limits: { userRate: -1 } }, ['limits.userRate']],
      ['a rate that is too fast', { limits: { userRate: 2 ** 40 + 1 } }, ['limits.userRate']],
      ['a rate that is an array', { limits: { userRate: [2_048] } }, ['limits.userRate']],
      ['a rate that is an object', { limits: { userRate: {} } }, ['limits.userRate']],
      ['a negative quota', { limits: { quotaBytes: -1 } }, ['limits.quotaBytes']],
      ['half a byte', { limits: { quotaBytes: 0.5 } }, ['limits.quotaBytes']],
      ['a quota beyond what is counted exactly', { limits: { quotaBytes: 2 ** 53 } }, ['limits.quotaBytes']],
      ['a quota that is a text', { limits: { quotaBytes: '1024' } }, ['limits.quotaBytes']],
      ['a quota that is an array', { limits: { quotaBytes: [1_024] } }, ['limits.quotaBytes']],
      ['another address', { email: 'b@example.com' }, ['email']],
      ['another tenant', { tenant: '1' }, ['tenant']],
      ['another id', { id: '1' }, ['id']],
      [
        'three wrong members',
        { role: 'x', disabled: 'x', limits: { userRate: 'x' } },
        ['role', 'disabled', 'limits.userRate'],
      ],
    ])('400: %s', async (_name, body, fields) => {
      expectInvalid(await world.admin.patch(pathOf(world.memberAccount.id), body), fields);
    });

    it.each([
      '{}',
      '[]',
      'null',
      '7',
      '"x"',
      '',
      '[{"disabled":true}]',
      '[[]]',
      '{"__proto__":{"role":"admin"}}',
    ])('400: the body %s, and nothing is changed', async (body) => {
      const before = (await world.admin.send(pathOf(world.memberAccount.id))).json;
      const headers = { 'Content-Type': 'application/json' };
      const path = pathOf(world.memberAccount.id);
      expectProblem(
        await world.admin.send(path, { method: 'PATCH', body, headers }),
        400,
        'validation-failed',
      );
      expect((await world.admin.send(path)).json).toEqual(before);
    });

    it('a limit of a number too large for a double is refused, not rounded', async () => {
      const body = '{"limits":{"userRate":1e400}}';
      const headers = { 'Content-Type': 'application/json' };
      expectInvalid(
        await world.admin.send(pathOf(world.memberAccount.id), { method: 'PATCH', body, headers }),
        ['limits.userRate'],
      );
    });

    it('a disabled user is refused at the next request, however they come', async () => {
      const account = await target();
      const tokens = await openSession(world.anonymous, account);
      const session = world.anonymous.as(tokens.accessToken);
      const { key } = await createKey(session);
      const byKey = world.anonymous.withKey(key);
      expect((await session.send(ME)).status).toBe(200);
      expect((await byKey.send('/api/v1/files')).status).toBe(200);

      expect((await change(world.admin, account.id, { disabled: true })).json).toMatchObject({
        disabled: true,
      });
      expectProblem(await session.send(ME), 401, 'unauthenticated');
      expectProblem(await byKey.send('/api/v1/files'), 401, 'unauthenticated');
      expectProblem(await refresh(world.anonymous, tokens.refreshToken), 401, 'unauthenticated');
      const login = await patiently(() =>
        world.anonymous.post(LOGIN, { email: account.email, password: account.password }),
      );
      expectProblem(login, 401, 'unauthenticated');
    });

    it('enabled again, they log in anew: what was open before stays ended, but for API keys', async () => {
      const account = await target();
      const tokens = await openSession(world.anonymous, account);
      const session = world.anonymous.as(tokens.accessToken);
      const { key } = await createKey(session);
      await change(world.admin, account.id, { disabled: true });
      expect((await change(world.admin, account.id, { disabled: false })).json).toMatchObject({
        disabled: false,
      });
      expectProblem(await session.send(ME), 401, 'unauthenticated');
      expectProblem(await refresh(world.anonymous, tokens.refreshToken), 401, 'unauthenticated');
      const again = await world.anonymous.login(account.email, account.password);
      expect((await again.send(ME)).status).toBe(200);
      const { items } = (await again.send('/api/v1/auth/sessions')).json as { items: unknown[] };
      expect(items).toHaveLength(1);
      expect((await world.anonymous.withKey(key).send('/api/v1/files')).status).toBe(200);
    });

    it('enabling who is enabled ends nothing', async () => {
      const account = await target();
      const session = await world.anonymous.login(account.email, account.password);
      expect((await change(world.admin, account.id, { disabled: false })).status).toBe(200);
      expect((await session.send(ME)).status).toBe(200);
    });

    it('a password reset ends sessions and keys; only the new password opens the account', async () => {
      const account = await target();
      const tokens = await openSession(world.anonymous, account);
      const session = world.anonymous.as(tokens.accessToken);
      const { key } = await createKey(session);
      expect((await change(world.admin, account.id, { password: PASSWORD })).status).toBe(200);
      expectProblem(await session.send(ME), 401, 'unauthenticated');
      expectProblem(await refresh(world.anonymous, tokens.refreshToken), 401, 'unauthenticated');
      expectProblem(await world.anonymous.withKey(key).send('/api/v1/files'), 401, 'unauthenticated');
      const old = await patiently(() =>
        world.anonymous.post(LOGIN, { email: account.email, password: account.password }),
      );
      expectProblem(old, 401, 'unauthenticated');
      const again = await world.anonymous.login(account.email, PASSWORD);
      const { items } = (await again.send('/api/v1/auth/api-keys')).json as { items: unknown[] };
      expect(items).toEqual([]);
    });
  });

  describe('DELETE /api/v1/users/:id', () => {
    it('204: gone at the next request, whatever they hold; a second time 404', async () => {
      const account = await world.seed.user(world.tenantId);
      const tokens = await openSession(world.anonymous, account);
      const session = world.anonymous.as(tokens.accessToken);
      const { key } = await createKey(session);
      const file = await session.upload(randomBytes(10));
      expect((await world.admin.delete(pathOf(account.id))).status).toBe(204);
      expectProblem(await session.send(ME), 401, 'unauthenticated');
      expectProblem(await world.anonymous.withKey(key).send('/api/v1/files'), 401, 'unauthenticated');
      expectProblem(await refresh(world.anonymous, tokens.refreshToken), 401, 'unauthenticated');
      expectProblem(await world.admin.send(pathOf(account.id)), 404, 'user-not-found');
      expectProblem(await change(world.admin, account.id, { disabled: false }), 404, 'user-not-found');
      expectProblem(await world.admin.delete(pathOf(account.id)), 404, 'user-not-found');
      expect((await world.admin.send(`/api/v1/files/${file.id}`)).json).toMatchObject({
        ownerId: account.id,
      });
    });

    it('the address may be used again, for another account that inherits nothing', async () => {
      const account = await world.seed.user(world.tenantId);
      const session = await world.anonymous.login(account.email, account.password);
      const file = await session.upload(randomBytes(10));
      await world.admin.delete(pathOf(account.id));
      const next = await created(world.foreignAdmin, { email: account.email });
      expect(next.id).not.toBe(account.id);
      const login = { email: account.email, password: account.password };
      expectProblem(await patiently(() => world.anonymous.post(LOGIN, login)), 401, 'unauthenticated');
      const newcomer = await world.anonymous.login(account.email, PASSWORD);
      expectProblem(await newcomer.send(`/api/v1/files/${file.id}`), 404, 'file-not-found');
      expectProblem(await session.send(ME), 401, 'unauthenticated');
    });
  });
});
