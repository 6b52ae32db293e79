import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createKey, expectInvalid, type KeyJson, openSession, SCOPES } from '../../harness/accounts.js';
import { type Api, expectProblem, multipart, patiently } from '../../harness/api.js';
import type { Answer, Request } from '../../harness/http.js';
import { useWorld } from '../../harness/world.js';

const KEYS = '/api/v1/auth/api-keys';
const FILES = '/api/v1/files';

interface ListedKey {
  readonly id: string;
  readonly lastUsedAt: string | null;
}

const HOUR = 3_600_000;
const inAnHour = () => new Date(Date.now() + HOUR).toISOString();

describe('API keys', () => {
  const world = useWorld();

  const newcomer = async () => {
    const user = await world.seed.user(world.tenantId);
    const tokens = await openSession(world.anonymous, user);
    return { user, tokens, api: world.anonymous.as(tokens.accessToken) };
  };
  const by = ({ key }: KeyJson): Api => world.anonymous.withKey(key);
  const listed = async (api: Api): Promise<ListedKey[]> => {
    const answer = await api.send(KEYS);
    expect(answer.status, answer.text).toBe(200);
    return (answer.json as { items: ListedKey[] }).items;
  };
  const revoke = (api: Api, { id }: { id: string }) => api.delete(`${KEYS}/${id}`);

  describe('creation', () => {
    it('201: the key is shown once, and only its hash is kept', async () => {
      const { api } = await newcomer();
      const expiresAt = inAnHour();
      const answer = await api.post(KEYS, {
        name: 'nächtlich 😀',
        scopes: ['download', 'files:read'],
        expiresAt,
      });
      expect(answer.status, answer.text).toBe(201);
      expect(answer.headers['cache-control']).toBe('no-store');
      const created = answer.json as KeyJson;
      const shown = {
        id: expect.stringMatching(/^[1-9]\d*$/) as unknown,
        name: 'nächtlich 😀',
        prefix: created.prefix,
        scopes: ['download', 'files:read'],
        expiresAt,
        lastUsedAt: null,
        createdAt: expect.stringMatching(/Z$/) as unknown,
      };
      expect(created).toEqual({ ...shown, key: created.key });
      expect(created.prefix).toMatch(/^dsk_[a-z2-7]{10}$/);
      expect(created.key).toMatch(/^dsk_[a-z2-7]{10}_[\w-]{43}$/);
      expect(created.key.startsWith(`${created.prefix}_`)).toBe(true);
      expect(await listed(api)).toEqual([shown]);

      const [row] = await world.seed.query('SELECT * FROM api_keys WHERE id = $1', [created.id]);
      expect(row).toMatchObject({ sha256: createHash('sha256').update(created.key).digest('hex') });
      const secret = created.key.slice(created.prefix.length + 1);
      const [kept] = await world.seed.query<{ text: string }>(
        `SELECT (SELECT string_agg(k::text, '|') FROM api_keys k) || (SELECT string_agg(a::text, '|') FROM audit_log a) AS text`,
      );
      expect(kept?.text).toContain(created.prefix);
      expect(kept?.text.includes(secret)).toBe(false);
    });

    it('the newest comes first, and everybody sees their own only', async () => {
      const { api } = await newcomer();
      const ids = [(await createKey(api)).id, (await createKey(api)).id, (await createKey(api)).id];
      expect((await listed(api)).map(({ id }) => id)).toEqual(ids.toReversed());
      for (const other of [world.owner, world.admin, world.foreignAdmin, world.operator]) {
        expect((await listed(other)).filter(({ id }) => ids.includes(id))).toEqual([]);
      }
    });

    it.each<[string, object, string[]]>([
      ['nothing', {}, ['name', 'scopes']],
      ['no name', { scopes: ['download'] }, ['name']],
      ['an empty name', { name: '', scopes: ['download'] }, ['name']],
      ['a name of 101', { name: 'x'.repeat(101), scopes: ['download'] }, ['name']],
      ['a name that is a number', { name: 7, scopes: ['download'] }, ['name']],
      ['a line break in the name', { name: 'a\nb', scopes: ['download'] }, ['name']],
      ['NUL in the name', { name: 'a\u0000', scopes: ['download'] }, ['name']],
      ['no scopes', { name: 'x' }, ['scopes']],
      ['scopes that are null', { name: 'x', scopes: null }, ['scopes']],
      ['empty scopes', { name: 'x', scopes: [] }, ['scopes']],
      ['a text as scopes', { name: 'x', scopes: 'download' }, ['scopes']],
      ['an object as scopes', { name: 'x', scopes: { 0: 'download', length: 1 } }, ['scopes']],
      ['an unknown scope', { name: 'x', scopes: ['download', 'admin'] }, ['scopes']],
      ['a scope in another case', { name: 'x', scopes: ['Download'] }, ['scopes']],
      ['every scope', { name: 'x', scopes: ['*'] }, ['scopes']],
      ['a scope within an array', { name: 'x', scopes: [['download']] }, ['scopes']],
      ['a scope that is null', { name: 'x', scopes: [null] }, ['scopes']],
      ['one scope twice', { name: 'x', scopes: ['download', 'download'] }, ['scopes']],
      ['200 scopes', { name: 'x', scopes: Array<string>(200).fill('download') }, ['scopes']],
      ['an unknown member', { name: 'x', scopes: ['download'], userId: '1' }, ['userId']],
      ['a key of one’s own', { name: 'x', scopes: ['download'], key: 'dsk_x' }, ['key']],
      ['an array', [], ['name', 'scopes']],
    ])('400: %s', async (_name, body, fields) => {
      expectInvalid(await world.owner.post(KEYS, body), fields);
    });

    it.each([
      '',
      'tomorrow',
      '2027-01-01',
      '2027-01-01T00:00:00',
      '2027-01-01 00:00:00Z',
      '2027-02-30T00:00:00Z',
      '2027-13-01T00:00:00Z',
      '2027-01-01T24:00:00Z',
      '2027-01-01T25:00:00Z',
      '2027-12-31T23:59:60Z',
      '2027-W01-1T00:00:00Z',
      '2027-001T00:00:00Z',
      '2027-01-01T00Z',
      '20270101T000000Z',
      '+012027-01-01T00:00:00Z',
      '2027-01-01T00:00:00+25:00',
      '2027-01-01T00:00:00Z\n',
      '1999-01-01T00:00:00Z',
      new Date(Date.now() - 1_000).toISOString(),
      7,
      true,
      ['2027-01-01T00:00:00Z'],
      {},
    ])('400: expires %j', async (expiresAt) => {
      expectInvalid(await world.owner.post(KEYS, { name: 'x', scopes: ['download'], expiresAt }), [
        'expiresAt',
      ]);
    });

    it.each<[unknown, string | null]>([
      [undefined, null],
      [null, null],
      ['2099-02-28T23:59:59.123456789Z', '2099-02-28T23:59:59.123Z'],
      ['2096-02-29T01:00:00+02:30', '2096-02-28T22:30:00.000Z'],
      ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
    ])('201: expires %j', async (expiresAt, kept) => {
      const { api } = await newcomer();
      const answer = await api.post(KEYS, { name: 'x', scopes: ['download'], expiresAt });
      expect(answer.status, answer.text).toBe(201);
      expect(answer.json).toMatchObject({ expiresAt: kept });
    });

    it('409: of 150 at once a hundred come to be; one that is revoked makes room', async () => {
      const { api } = await newcomer();
      const answers = await Promise.all(
        Array.from({ length: 150 }, () => api.post(KEYS, { name: 'x', scopes: ['stats'] })),
      );
      expect(answers.map(({ status }) => status).toSorted()).toEqual([
        ...Array<number>(100).fill(201),
        ...Array<number>(50).fill(409),
      ]);
      const refused = answers.filter(({ status }) => status !== 201);
      for (const answer of refused) expectProblem(answer, 409, 'too-many-api-keys');
      const [first] = await listed(api);
      expect((await revoke(api, first ?? { id: '' })).status).toBe(204);
      await createKey(api);
      // One that has expired takes no place.
      const [second] = await listed(api);
      await world.seed.query(`UPDATE api_keys SET expires_at = now() WHERE id = $1`, [second?.id]);
      await createKey(api);
      expect(await listed(api)).toHaveLength(100);
    });

    it.each([
      ['all sessions end', 'auth_epoch = auth_epoch + 1'],
      ['the user is disabled', 'disabled_at = now()'],
      ['the user is deleted', 'deleted_at = now()'],
    ])('401: %s while a key is made: none outlives the session that asked for it', async (_name, set) => {
      const { user, api } = await newcomer();
      const answer = await world.seed.overtake(user.id, `UPDATE users SET ${set} WHERE id = $1`, () =>
        api.post(KEYS, { name: 'x', scopes: ['download'] }),
      );
      expectProblem(answer, 401, 'unauthenticated');
      expect(await world.seed.query('SELECT FROM api_keys WHERE user_id = $1', [user.id])).toEqual([]);
    });
  });

  describe('scopes', () => {
    const form = () => ({ method: 'POST', ...multipart([{ name: 'file', value: 'x', filename: 'x' }]) });
    const change = (): Request => ({
      method: 'PATCH',
      body: '{"filename":"y"}',
      headers: { 'Content-Type': 'application/json' },
    });

    it.each<[string, string, () => Request]>([
      ['files:read', '/api/v1/files', () => ({})],
      ['files:read', '/api/v1/files/{id}', () => ({})],
      ['upload', '/api/v1/files', form],
      ['files:write', '/api/v1/files/{id}', change],
      ['files:write', '/api/v1/files/{id}', () => ({ method: 'DELETE' })],
      ['download', '/download/{id}', () => ({})],
      ['download', '/download/{id}', () => ({ method: 'HEAD' })],
    ])('%s is what %s asks for, and nothing else is', async (scope, path, request) => {
      const { api } = await newcomer();
      const right = by(await createKey(api, [scope]));
      const wrong = by(
        await createKey(
          api,
          SCOPES.filter((other) => other !== scope),
        ),
      );
      const { id } = await api.upload(randomBytes(10), { visibility: 'public' });
      const at = path.replace('{id}', id);
      const refused = await wrong.send(at, request());
      expect(refused.status).toBe(403);
      if (request().method !== 'HEAD') {
        expectProblem(refused, 403, 'forbidden');
        expect(refused.json).toMatchObject({ detail: `The API key lacks the scope ${scope}.` });
      }
      expect((await right.send(at, request())).status).toBeLessThan(300);
    });

    it('a key has the rights of its user, and no more', async () => {
      const file = await world.owner.upload(randomBytes(10));
      const own = by(await createKey(world.owner));
      const members = by(await createKey(world.member));
      const foreign = by(await createKey(world.foreignAdmin));
      expect((await own.download(file.id)).status).toBe(200);
      for (const api of [members, foreign]) {
        expectProblem(await api.download(file.id), 404, 'file-not-found');
        expectProblem(await api.delete(`${FILES}/${file.id}`), 404, 'file-not-found');
      }
    });

    it.each<[string, string, unknown?]>([
      ['GET', '/api/v1/auth/me'],
      ['GET', '/api/v1/auth/sessions'],
      ['DELETE', '/api/v1/auth/sessions'],
      ['DELETE', '/api/v1/auth/sessions/x'],
      ['GET', KEYS],
      ['POST', KEYS, { name: 'x', scopes: ['download'] }],
      ['DELETE', `${KEYS}/1`],
      ['POST', '/api/v1/auth/logout'],
      ['POST', '/api/v1/auth/password', { currentPassword: 'x', newPassword: 'x'.repeat(8) }],
      ['GET', '/api/v1/users'],
      ['POST', '/api/v1/users', { email: 'a@example.com', password: 'x'.repeat(8) }],
      ['PATCH', '/api/v1/users/1', { disabled: true }],
      ['DELETE', '/api/v1/users/1'],
      ['GET', '/api/v1/tenants'],
      ['POST', '/api/v1/tenants', { name: 'x', slug: 'x' }],
      ['PATCH', '/api/v1/tenants/1', { suspended: true }],
      ['GET', '/api/v1/audit'],
    ])('403: the key of an operator with all scopes at %s %s', async (method, path, json) => {
      const { email, password } = await world.seed.user(world.tenantId, 'operator');
      const operator = await world.anonymous.login(email, password);
      const body = json === undefined ? undefined : JSON.stringify(json);
      const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
      const answer = await by(await createKey(operator)).send(path, {
        method,
        headers,
        ...(body !== undefined && { body }),
      });
      expectProblem(answer, 403, 'forbidden');
      expect(answer.json).toMatchObject({ detail: 'An API key cannot be used here: log in.' });
    });
  });

  describe('the end of a key', () => {
    const dead = async (key: KeyJson) => {
      expectProblem(await by(key).send(FILES), 401, 'unauthenticated');
    };
    const used = async (api: Api): Promise<KeyJson> => {
      const key = await createKey(api);
      expect((await by(key).send(FILES)).status).toBe(200);
      return key;
    };

    it('revoked it is refused at the next request, on every process; a second time is 404', async () => {
      const { api } = await newcomer();
      const [key, other] = [await used(api), await used(api)];
      expect((await by(key).via(world.stack.streamUrl).send(FILES)).status).toBe(200);
      expect((await revoke(api, key)).status).toBe(204);
      await dead(key);
      expectProblem(await by(key).via(world.stack.streamUrl).send(FILES), 401, 'unauthenticated');
      expect((await by(other).send(FILES)).status).toBe(200);
      expect((await listed(api)).map(({ id }) => id)).toEqual([other.id]);
      expectProblem(await revoke(api, key), 404, 'api-key-not-found');
    });

    it('404: the key of another, for its admin and an operator too', async () => {
      const { api } = await newcomer();
      const key = await used(api);
      for (const other of [world.owner, world.admin, world.foreignAdmin, world.operator]) {
        expectProblem(await revoke(other, key), 404, 'api-key-not-found');
      }
      expectProblem(await revoke(api, { id: '9223372036854775807' }), 404, 'api-key-not-found');
      for (const id of ['0', 'x', '9223372036854775808', key.prefix]) {
        expectProblem(await revoke(api, { id }), 400, 'validation-failed');
      }
      expect((await by(key).send(FILES)).status).toBe(200);
    });

    it('expired it is refused on the second, though it was good a moment before', async () => {
      const { api } = await newcomer();
      const key = await createKey(api);
      await world.seed.query(
        `UPDATE api_keys SET expires_at = now() + interval '1.5 seconds' WHERE id = $1`,
        [key.id],
      );
      expect((await by(key).send(FILES)).status).toBe(200);
      await expect.poll(async () => (await by(key).send(FILES)).status, { timeout: 5_000 }).toBe(401);
      await dead(key);
      expect(await listed(api)).toEqual([]);
    });

    it('it ends with its user: disabled, deleted, suspended', async () => {
      const tenantId = await world.seed.tenant();
      const admin = await world.seed
        .user(tenantId, 'admin')
        .then((user) => world.anonymous.login(user.email, user.password));
      const keyOfNewcomer = async () => {
        const user = await world.seed.user(tenantId);
        return { user, key: await used(await world.anonymous.login(user.email, user.password)) };
      };
      const [disabled, deleted, suspended] = [
        await keyOfNewcomer(),
        await keyOfNewcomer(),
        await keyOfNewcomer(),
      ];
      await admin.patch(`/api/v1/users/${disabled.user.id}`, { disabled: true });
      await dead(disabled.key);
      await admin.delete(`/api/v1/users/${deleted.user.id}`);
      await dead(deleted.key);
      expect((await by(suspended.key).send(FILES)).status).toBe(200);
      await world.operator.patch(`/api/v1/tenants/${tenantId}`, { suspended: true });
      await dead(suspended.key);
    });

    it('it ends with the password, and stays when the sessions end', async () => {
      const { user, api } = await newcomer();
      const key = await used(api);
      await api.delete('/api/v1/auth/sessions');
      expect((await by(key).send(FILES)).status).toBe(200);
      const again = await world.anonymous.login(user.email, user.password);
      const changed = await patiently(() =>
        again.post('/api/v1/auth/password', {
          currentPassword: user.password,
          newPassword: 'a new password',
        }),
      );
      expect(changed.status).toBe(204);
      await dead(key);
    });

    it('a role that its user loses, it loses too', async () => {
      const { user, api } = await newcomer();
      await world.admin.patch(`/api/v1/users/${user.id}`, { role: 'admin' });
      const key = await createKey(api);
      const file = await world.owner.upload(randomBytes(10));
      expect((await by(key).download(file.id)).status).toBe(200);
      await world.admin.patch(`/api/v1/users/${user.id}`, { role: 'user' });
      expectProblem(await by(key).download(file.id), 404, 'file-not-found');
    });
  });

  describe('401: what is no key', () => {
    it.each<[string, (key: KeyJson) => string]>([
      [
        'another secret behind the prefix',
        ({ prefix }) => `${prefix}_${randomBytes(32).toString('base64url')}`,
      ],
      ['the prefix alone', ({ prefix }) => prefix],
      ['no secret', ({ prefix }) => `${prefix}_`],
      ['upper case', ({ key }) => key.toUpperCase()],
      ['lower case', ({ key }) => key.toLowerCase()],
      ['one letter in another case', ({ key }) => key.replace(/[a-z](?=[^a-z]*$)/i, otherCase)],
      ['a letter less', ({ key }) => key.slice(0, -1)],
      ['a letter more', ({ key }) => `${key}A`],
      ['another prefix', ({ key }) => key.replace(/^dsk_.{10}/, 'dsk_aaaaaaaaaa')],
      ['twice the same', ({ key }) => `${key}, ${key}`],
      ['quotes', ({ key }) => `"${key}"`],
      ['its hash', ({ key }) => createHash('sha256').update(key).digest('hex')],
      ['its id', ({ id }) => id],
      ['nothing', () => ''],
      ['SQL', ({ prefix }) => `${prefix}' OR true --`],
      ['four kilobytes', ({ key }) => key + 'x'.repeat(4_000)],
    ])('%s', async (_name, forge) => {
      const key = await createKey(world.owner);
      // A key whose last letter has no case has none to change.
      if (forge(key) === key.key) return;
      expectProblem(await world.anonymous.withKey(forge(key)).send(FILES), 401, 'unauthenticated');
      expect((await by(key).send(FILES)).status).toBe(200);
      await revoke(world.owner, key);
    });

    it('a key and a token together, in whatever order and however good each is', async () => {
      const key = await createKey(world.owner);
      const both = (token: string, text: string) =>
        world.anonymous.send(FILES, { headers: { Authorization: `Bearer ${token}`, 'X-API-Key': text } });
      const token = world.owner.token ?? '';
      for (const answer of [await both(token, key.key), await both('x', key.key), await both(token, 'x')]) {
        expectProblem(answer, 401, 'unauthenticated');
      }
    });

    it('a key as bearer token, as Basic password, in a cookie or in the query', async () => {
      const { key } = await createKey(world.owner);
      const basic = Buffer.from(`x:${key}`).toString('base64');
      const answers: Answer[] = [
        await world.anonymous.as(key).send(FILES),
        await world.anonymous.send(FILES, { headers: { Authorization: `Basic ${basic}` } }),
        await world.anonymous.send(FILES, { headers: { Authorization: `ApiKey ${key}` } }),
        await world.anonymous.send(FILES, { headers: { Cookie: `X-API-Key=${key}; apiKey=${key}` } }),
        ...(await Promise.all(
          ['token', 'apiKey', 'api_key', 'X-API-Key', 'access_token'].map((name) =>
            world.anonymous.send(`${FILES}?${name}=${key}`),
          ),
        )),
      ];
      for (const answer of answers) expectProblem(answer, 401, 'unauthenticated');
      expectProblem(
        await world.anonymous.withKey(world.owner.token ?? '').send(FILES),
        401,
        'unauthenticated',
      );
    });

    function otherCase(letter: string): string {
      return letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
    }
  });

  it('the time of the last use is noted, to the minute, and not of a use that was refused', async () => {
    const { user, api } = await newcomer();
    const key = await createKey(api);
    const lastUsed = async () => (await listed(api))[0]?.lastUsedAt ?? null;
    await world.anonymous.withKey(`${key.key.slice(0, -2)}xx`).send(FILES);
    expect(await lastUsed()).toBeNull();
    const before = Date.now();
    expect((await by(key).send(FILES)).status).toBe(200);
    await expect.poll(lastUsed).not.toBeNull();
    const first = Date.parse((await lastUsed()) ?? '');
    expect(Math.abs(first - before)).toBeLessThan(5_000);

    // What is known of a key is looked up anew after at most half a minute: or when its user has changed.
    const use = async () => {
      await world.seed.changed(`user:${user.id}`);
      expect((await by(key).send(FILES)).status).toBe(200);
    };
    await use();
    expect(Date.parse((await lastUsed()) ?? '')).toBe(first);
    await world.seed.query(`UPDATE api_keys SET last_used_at = now() - interval '61 seconds' WHERE id = $1`, [
      key.id,
    ]);
    await use();
    await expect.poll(async () => Date.parse((await lastUsed()) ?? '')).toBeGreaterThanOrEqual(first);
  });
});
