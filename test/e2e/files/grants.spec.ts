import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createKey, expectInvalid } from '../../harness/accounts.js';
import { type Api, expectProblem, type FileJson } from '../../harness/api.js';
import { type AuditEntry, SELECT_AUDIT } from '../../harness/audit.js';
import type { Answer } from '../../harness/http.js';
import type { SeededUser } from '../../harness/seed.js';
import { useWorld } from '../../harness/world.js';

interface GrantJson {
  readonly id: string;
  readonly fileId: string;
  readonly userId: string | null;
  readonly role: string | null;
  readonly permission: string;
  readonly grantedBy: string;
  readonly expiresAt: string | null;
  readonly createdAt: string;
  readonly active: boolean;
}

const HOUR = 3_600_000;
const inHours = (hours: number) => new Date(Date.now() + hours * HOUR).toISOString();
const pathOf = (fileId: string) => `/api/v1/files/${fileId}/grants`;

describe('grants', () => {
  const world = useWorld();

  const upload = (visibility = 'private'): Promise<FileJson> =>
    world.owner.upload(randomBytes(10), { visibility });
  const newcomer = async (role: 'user' | 'admin' = 'user'): Promise<{ account: SeededUser; api: Api }> => {
    const account = await world.seed.user(world.tenantId, role);
    return { account, api: await world.anonymous.login(account.email, account.password) };
  };
  const give = async (api: Api, fileId: string, grant: object, status = 201): Promise<GrantJson> => {
    const answer = await api.post(pathOf(fileId), grant);
    expect(answer.status, answer.text).toBe(status);
    return answer.json as GrantJson;
  };
  const listed = async (fileId: string, query = ''): Promise<GrantJson[]> => {
    const answer = await world.owner.send(pathOf(fileId) + query);
    expect(answer.status, answer.text).toBe(200);
    return (answer.json as { items: GrantJson[] }).items;
  };
  const revoke = (api: Api, { id, fileId }: Pick<GrantJson, 'id' | 'fileId'>): Promise<Answer> =>
    api.delete(`${pathOf(fileId)}/${id}`);
  const count = async (fileIds: readonly string[]): Promise<number> => {
    const [row] = await world.seed.query<{ count: string }>(
      'SELECT count(*) FROM file_grants WHERE file_id = ANY ($1)',
      [fileIds],
    );
    return Number(row?.count);
  };
  const see = async (api: Api, fileId: string) => (await api.send(`/api/v1/files/${fileId}`)).status;
  const downloadTo = ({ id: userId }: SeededUser) => ({ userId, permission: 'download' });
  const manageTo = ({ id: userId }: SeededUser) => ({ userId, permission: 'manage' });

  describe('POST /api/v1/files/:id/grants', () => {
    it('201: download to a user, from the next request on', async () => {
      const file = await upload();
      expect(await see(world.member, file.id)).toBe(404);
      const expiresAt = inHours(1);
      const answer = await world.owner.post(pathOf(file.id), {
        ...downloadTo(world.memberAccount),
        expiresAt,
      });
      expect(answer.status, answer.text).toBe(201);
      const grant = answer.json as GrantJson;
      expect(grant).toEqual({
        id: expect.stringMatching(/^[1-9]\d*$/) as unknown,
        fileId: file.id,
        userId: world.memberAccount.id,
        role: null,
        permission: 'download',
        grantedBy: world.ownerAccount.id,
        expiresAt,
        createdAt: expect.stringMatching(/Z$/) as unknown,
        active: true,
      });
      expect(await listed(file.id)).toEqual([grant]);
      expect(await see(world.member, file.id)).toBe(200);
      expect((await world.member.download(file.id)).status).toBe(200);
      expectProblem(await world.member.delete(`/api/v1/files/${file.id}`), 403, 'forbidden');
    });

    it('201: to a role: everybody who has it, and nobody else', async () => {
      const file = await upload();
      await give(world.owner, file.id, { role: 'user', permission: 'download' });
      const { api } = await newcomer();
      expect(await see(api, file.id)).toBe(200);
      expect(await see(world.foreign, file.id)).toBe(404);
      expectProblem(await world.anonymous.download(file.id), 401, 'unauthenticated');
      const toAdmins = await upload();
      await give(world.owner, toAdmins.id, { role: 'admin', permission: 'download' });
      expect(await see(api, toAdmins.id)).toBe(404);
    });

    it('201: manage: to change and delete, and to let others download', async () => {
      const file = await upload();
      await give(world.owner, file.id, manageTo(world.memberAccount));
      const { account, api } = await newcomer();
      expect((await world.member.patch(`/api/v1/files/${file.id}`, { filename: 'x' })).status).toBe(200);
      const given = await give(world.member, file.id, downloadTo(account));
      expect(given).toMatchObject({ grantedBy: world.memberAccount.id, active: true });
      expect(await see(api, file.id)).toBe(200);
      expect((await revoke(world.member, given)).status).toBe(204);
      expect(await see(api, file.id)).toBe(404);
      expect((await world.member.delete(`/api/v1/files/${file.id}`)).status).toBe(204);
    });

    it('200: the same again changes its end and its giver; the other permission is another grant', async () => {
      const file = await upload();
      const first = await give(world.owner, file.id, downloadTo(world.memberAccount));
      const expiresAt = inHours(2);
      const again = await give(world.admin, file.id, { ...downloadTo(world.memberAccount), expiresAt }, 200);
      expect(again).toEqual({ ...first, expiresAt, grantedBy: world.adminAccount.id });
      expect(await listed(file.id)).toEqual([again]);
      await give(world.owner, file.id, manageTo(world.memberAccount));
      await give(world.owner, file.id, { role: 'user', permission: 'download' });
      expect(await listed(file.id)).toHaveLength(3);
    });

    it('an end is judged at each request', async () => {
      const file = await upload();
      const soon = new Date(Date.now() + 700).toISOString();
      const grant = await give(world.owner, file.id, { ...downloadTo(world.memberAccount), expiresAt: soon });
      expect(await see(world.member, file.id)).toBe(200);
      await expect.poll(() => see(world.member, file.id), { timeout: 3_000 }).toBe(404);
      expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(soon));
      expect(await listed(file.id)).toEqual([{ ...grant, active: false }]);
    });

    it('an expired file: those who manage it still give rights', async () => {
      const file = await upload();
      await world.seed.expireFile(file.id);
      await give(world.owner, file.id, downloadTo(world.memberAccount));
      expect(await see(world.member, file.id)).toBe(410);
    });

    it.each<[unknown, string[]]>([
      [{}, ['permission', 'userId']],
      [{ permission: 'download' }, ['userId']],
      [{ userId: '1' }, ['permission']],
      [{ userId: '1', role: 'user', permission: 'download' }, ['userId']],
      [{ userId: null, role: 'user', permission: 'download' }, ['userId']],
      [{ userId: '0', permission: 'download' }, ['userId']],
      [{ userId: '-1', permission: 'download' }, ['userId']],
      [{ userId: '9223372036854775808', permission: 'download' }, ['userId']],
      [{ userId: '1 OR 1=1', permission: 'download' }, ['userId']],
      [{ userId: 1, permission: 'download' }, ['userId']],
      [{ userId: ['1'], permission: 'download' }, ['userId']],
      [{ userId: '', permission: 'download' }, ['userId']],
      [{ role: 'owner', permission: 'download' }, ['role']],
      [{ role: null, permission: 'download' }, ['role']],
      [{ role: ['user'], permission: 'download' }, ['role']],
      [{ role: 'user', permission: 'read' }, ['permission']],
      [{ role: 'user', permission: 'administer' }, ['permission']],
      [{ role: 'user', permission: null }, ['permission']],
      [{ role: 'user', permission: ['manage'] }, ['permission']],
      [{ role: 'user', permission: 'download', expiresAt: 'tomorrow' }, ['expiresAt']],
      [{ role: 'user', permission: 'download', expiresAt: '2027-02-30T00:00:00Z' }, ['expiresAt']],
      [{ role: 'user', permission: 'download', expiresAt: '2020-01-01T00:00:00Z' }, ['expiresAt']],
      [{ role: 'user', permission: 'download', expiresAt: 1893456000 }, ['expiresAt']],
      [{ role: 'user', permission: 'download', grantedBy: '1' }, ['grantedBy']],
      [{ role: 'user', permission: 'download', fileId: '1' }, ['fileId']],
      [[], ['permission', 'userId']],
    ])('400: %j; nothing is given', async (body, fields) => {
      const file = await upload();
      const answer = await world.owner.post(pathOf(file.id), body);
      if (Array.isArray(body)) expectProblem(answer, 400, 'validation-failed');
      else expectInvalid(answer, fields);
      expect(await listed(file.id)).toEqual([]);
    });

    it('400: a user of another tenant is told apart in nothing from one that does not exist or is deleted', async () => {
      const file = await upload();
      const foreign = await world.seed.user(world.foreignTenantId);
      const deleted = await world.seed.user(world.tenantId);
      expect((await world.admin.delete(`/api/v1/users/${deleted.id}`)).status).toBe(204);
      const bodies = [];
      for (const userId of [foreign.id, deleted.id, '9223372036854775807']) {
        const answer = await world.owner.post(pathOf(file.id), { userId, permission: 'download' });
        expectInvalid(answer, ['userId']);
        const { requestId, ...body } = answer.json as Record<string, unknown>;
        expect(requestId).toBeDefined();
        bodies.push(body);
      }
      expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
      expect(await listed(file.id)).toEqual([]);
    });

    it('403: manage is given by the owner and admins only; with download nothing is given', async () => {
      const file = await upload();
      const { account } = await newcomer();
      await give(world.owner, file.id, downloadTo(world.memberAccount));
      for (const grant of [downloadTo(account), manageTo(account), manageTo(world.memberAccount)])
        expectProblem(await world.member.post(pathOf(file.id), grant), 403, 'forbidden');
      expectProblem(await world.member.send(pathOf(file.id)), 403, 'forbidden');
      await give(world.owner, file.id, manageTo(world.memberAccount));
      for (const grant of [
        manageTo(account),
        manageTo(world.memberAccount),
        { role: 'user', permission: 'manage' },
      ])
        expectProblem(await world.member.post(pathOf(file.id), grant), 403, 'forbidden');
      expect(await listed(file.id)).toHaveLength(2);
    });

    it('404: not seen, another tenant’s, no such file; 410: deleted', async () => {
      const file = await upload();
      const grant = downloadTo(world.memberAccount);
      for (const api of [world.member, world.foreign, world.foreignAdmin, world.operator]) {
        expectProblem(await api.post(pathOf(file.id), grant), 404, 'file-not-found');
        expectProblem(await api.send(pathOf(file.id)), 404, 'file-not-found');
      }
      expectProblem(await world.owner.post(pathOf('9223372036854775807'), grant), 404, 'file-not-found');
      await world.owner.delete(`/api/v1/files/${file.id}`);
      expectProblem(await world.owner.post(pathOf(file.id), grant), 410, 'file-gone');
      expectProblem(await world.owner.send(pathOf(file.id)), 410, 'file-gone');
    });

    it('409: more grants than a file may have; those that have expired make room', async () => {
      const file = await upload();
      await world.seed.query(
        `WITH made AS (
           INSERT INTO users (tenant_id, email, password_hash, role)
           SELECT $1, $2 || n || '@example.com', 'x', 'user' FROM generate_series(1, 1000) n RETURNING id)
         INSERT INTO file_grants (tenant_id, file_id, user_id, permission, granted_by)
         SELECT $1, $3, id, 'download', $4 FROM made`,
        [world.tenantId, randomBytes(8).toString('hex'), file.id, world.ownerAccount.id],
      );
      const grant = downloadTo(world.memberAccount);
      expectProblem(await world.owner.post(pathOf(file.id), grant), 409, 'too-many-grants');
      expectProblem(
        await world.owner.post('/api/v1/grants', { fileIds: [file.id], grants: [grant] }),
        409,
        'too-many-grants',
      );
      expect(await see(world.member, file.id)).toBe(404);
      await world.seed.query(
        `UPDATE file_grants SET expires_at = now() - interval '1 s' WHERE id = (SELECT min(id) FROM file_grants WHERE file_id = $1)`,
        [file.id],
      );
      await give(world.owner, file.id, grant);
      expect(await see(world.member, file.id)).toBe(200);
      expect(await count([file.id])).toBe(1_000);
      // One that is there already is given again in any case.
      await give(world.owner, file.id, { ...grant, expiresAt: inHours(1) }, 200);
    });
  });

  describe('GET and DELETE', () => {
    it('pages of any size make up the same list', async () => {
      const file = await upload();
      const given: string[] = [];
      for (let at = 0; at < 5; at += 1)
        given.push((await give(world.owner, file.id, downloadTo(await world.seed.user(world.tenantId)))).id);
      const seen: string[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const answer = await world.owner.send(
          `${pathOf(file.id)}?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
        );
        const page = answer.json as { items: GrantJson[]; nextCursor: string | null };
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
      }
      expect(seen).toEqual(given);
    });

    it.each(['limit=0', 'limit=201', 'limit=x', 'cursor=!', 'cursor=MA', 'colour=red'])(
      '400: %s',
      async (query) => {
        const file = await upload();
        expectInvalid(await world.owner.send(`${pathOf(file.id)}?${query}`), [query.split('=')[0] ?? '']);
      },
    );

    it('204: gone at the next request; 404: gone already', async () => {
      const file = await upload();
      const grant = await give(world.owner, file.id, downloadTo(world.memberAccount));
      expect(await see(world.member, file.id)).toBe(200);
      expect((await revoke(world.owner, grant)).status).toBe(204);
      expectProblem(await world.member.download(file.id), 404, 'file-not-found');
      expectProblem(await revoke(world.owner, grant), 404, 'grant-not-found');
      expect(await listed(file.id)).toEqual([]);
    });

    it('404: a grant of another file or of another tenant, whoever asks', async () => {
      const file = await upload();
      const other = await upload();
      const theirs = await world.foreign.upload(randomBytes(10));
      const grant = await give(world.owner, other.id, { role: 'user', permission: 'download' });
      const foreignGrant = await give(world.foreign, theirs.id, { role: 'user', permission: 'download' });
      for (const api of [world.owner, world.admin])
        for (const id of [grant.id, foreignGrant.id, '9223372036854775807'])
          expectProblem(await revoke(api, { id, fileId: file.id }), 404, 'grant-not-found');
      for (const api of [world.owner, world.admin, world.operator])
        expectProblem(await revoke(api, foreignGrant), 404, 'file-not-found');
      for (const api of [world.foreign, world.foreignAdmin])
        expectProblem(await revoke(api, grant), 404, 'file-not-found');
      expectProblem(await world.owner.delete(`${pathOf(file.id)}/x`), 400, 'validation-failed');
      expectProblem(await world.owner.delete(`${pathOf(file.id)}/0`), 400, 'validation-failed');
      expect(await listed(other.id)).toHaveLength(1);
    });

    it('403: who manages by a grant takes no such grant back, not even its own; who downloads takes none', async () => {
      const file = await upload();
      const { account, api } = await newcomer();
      const mine = await give(world.owner, file.id, manageTo(world.memberAccount));
      const download = await give(world.owner, file.id, downloadTo(account));
      expectProblem(await revoke(world.member, mine), 403, 'forbidden');
      expectProblem(await revoke(api, download), 403, 'forbidden');
      expectProblem(await revoke(api, mine), 403, 'forbidden');
      expect((await revoke(world.member, download)).status).toBe(204);
      expect((await revoke(world.admin, mine)).status).toBe(204);
    });

    it('API keys: files:read to list, files:write to change', async () => {
      const file = await upload();
      const reader = world.anonymous.withKey((await createKey(world.owner, ['files:read'])).key);
      const writer = world.anonymous.withKey((await createKey(world.owner, ['files:write'])).key);
      expectProblem(await reader.post(pathOf(file.id), downloadTo(world.memberAccount)), 403, 'forbidden');
      const grant = await give(writer, file.id, downloadTo(world.memberAccount));
      expectProblem(await writer.send(pathOf(file.id)), 403, 'forbidden');
      expect((await reader.send(pathOf(file.id))).status).toBe(200);
      expectProblem(await revoke(reader, grant), 403, 'forbidden');
      expect((await revoke(writer, grant)).status).toBe(204);
    });
  });

  describe('nothing outlives its giver’s right (RULES 1.7)', () => {
    it('what an admin gave counts while that one is an admin', async () => {
      const file = await upload();
      const { account, api } = await newcomer('admin');
      const download = await give(api, file.id, downloadTo(world.memberAccount));
      const { account: reader, api: readerApi } = await newcomer();
      await give(api, file.id, manageTo(reader));
      expect(await see(world.member, file.id)).toBe(200);
      expect(await see(readerApi, file.id)).toBe(200);
      const setRole = async (role: string) => {
        const answer = await world.admin.patch(`/api/v1/users/${account.id}`, { role });
        expect(answer.status, answer.text).toBe(200);
      };
      await setRole('user');
      expect(await see(world.member, file.id)).toBe(404);
      expect(await see(readerApi, file.id)).toBe(404);
      expect((await listed(file.id)).map(({ active }) => active)).toEqual([false, false]);
      await setRole('admin');
      expect(await see(world.member, file.id)).toBe(200);
      await setRole('user');
      // The owner gives it again: from then on it is the owner's.
      expect(await give(world.owner, file.id, downloadTo(world.memberAccount), 200)).toMatchObject({
        id: download.id,
        grantedBy: world.ownerAccount.id,
      });
      expect(await see(world.member, file.id)).toBe(200);
    });

    it('what somebody gave who manages the file counts while that one manages it', async () => {
      const file = await upload();
      const { account, api } = await newcomer();
      const manage = await give(world.owner, file.id, manageTo(world.memberAccount));
      await give(world.member, file.id, downloadTo(account));
      expect(await see(api, file.id)).toBe(200);
      expect((await revoke(world.owner, manage)).status).toBe(204);
      expect(await see(api, file.id)).toBe(404);
      await give(world.owner, file.id, { ...manageTo(world.memberAccount), expiresAt: inHours(1) });
      expect(await see(api, file.id)).toBe(200);
      const soon = new Date(Date.now() + 500).toISOString();
      await give(world.owner, file.id, { ...manageTo(world.memberAccount), expiresAt: soon }, 200);
      await expect.poll(() => see(api, file.id), { timeout: 3_000 }).toBe(404);
    });

    it('through two: the admin by whom the giver manages it is one no more', async () => {
      const file = await upload();
      const { account: admin, api: adminApi } = await newcomer('admin');
      const { account, api } = await newcomer();
      await give(adminApi, file.id, manageTo(world.memberAccount));
      await give(world.member, file.id, downloadTo(account));
      expect(await see(api, file.id)).toBe(200);
      await world.admin.patch(`/api/v1/users/${admin.id}`, { role: 'user' });
      expect(await see(api, file.id)).toBe(404);
      expect(await see(world.member, file.id)).toBe(404);
    });

    it('a giver who is disabled or deleted leaves what it gave', async () => {
      const { account, api: ownerApi } = await newcomer();
      const file = await ownerApi.upload(randomBytes(10));
      await give(ownerApi, file.id, downloadTo(world.memberAccount));
      await world.admin.patch(`/api/v1/users/${account.id}`, { disabled: true });
      expect(await see(world.member, file.id)).toBe(200);
      await world.admin.delete(`/api/v1/users/${account.id}`);
      expect(await see(world.member, file.id)).toBe(200);
    });

    it('who loses the right while it waits does not become the giver of what others gave', async () => {
      const file = await upload();
      const { account, api } = await newcomer('admin');
      const given = await give(world.owner, file.id, downloadTo(world.memberAccount));
      const held = await world.seed.hold('SELECT FROM files WHERE id = $1 FOR UPDATE', [file.id]);
      const late = api.post(pathOf(file.id), { ...downloadTo(world.memberAccount), expiresAt: inHours(1) });
      await held.untilWaitedFor();
      await world.admin.patch(`/api/v1/users/${account.id}`, { role: 'user' });
      await held.release();
      expectProblem(await late, 403, 'forbidden');
      expect(await listed(file.id)).toEqual([given]);
    });
  });

  describe('POST /api/v1/grants', () => {
    const BULK = '/api/v1/grants';
    const copies = async (number: number): Promise<string[]> => {
      const { id } = await upload();
      const rows = await world.seed.query<{ id: string }>(
        `INSERT INTO files (tenant_id, filename, content_type, blob_id, owner_id, visibility)
         SELECT tenant_id, filename, content_type, blob_id, owner_id, visibility FROM files, generate_series(1, $2) WHERE id = $1
         RETURNING id`,
        [id, number],
      );
      return rows.map((row) => row.id);
    };

    it('200: each grant on each file', async () => {
      const files = [(await upload()).id, (await upload()).id];
      const { account, api } = await newcomer();
      const before = await give(world.owner, files[0] ?? '', downloadTo(account));
      const expiresAt = inHours(1);
      const answer = await world.owner.post(BULK, {
        fileIds: files,
        grants: [
          { ...downloadTo(account), expiresAt },
          { role: 'admin', permission: 'manage' },
        ],
      });
      expect(answer.status, answer.text).toBe(200);
      const { items } = answer.json as { items: GrantJson[] };
      expect(items).toHaveLength(4);
      expect(items[0]).toEqual({ ...before, expiresAt });
      for (const file of files) {
        expect(items.filter(({ fileId }) => fileId === file)).toEqual(await listed(file));
        expect(await see(api, file)).toBe(200);
      }
    });

    it('200: 100 files × 50 grants, each in the audit', async () => {
      const files = await copies(100);
      const users = await world.seed.query<{ id: string }>(
        `INSERT INTO users (tenant_id, email, password_hash, role)
         SELECT $1, $2 || n || '@example.com', 'x', 'user' FROM generate_series(1, 49) n RETURNING id`,
        [world.tenantId, randomBytes(8).toString('hex')],
      );
      const grants = users.map(({ id: userId }) => ({ userId, permission: 'download' }));
      const answer = await world.owner.post(BULK, {
        fileIds: files,
        grants: [...grants, downloadTo(world.memberAccount)],
      });
      expect(answer.status, answer.text.slice(0, 500)).toBe(200);
      expect((answer.json as { items: unknown[] }).items).toHaveLength(5_000);
      expect(await see(world.member, files[99] ?? '')).toBe(200);
      const [row] = await world.seed.query<{ count: string }>(
        `SELECT count(*) FROM audit_log WHERE action = 'grant.create' AND object_id = ANY ($1)`,
        [files],
      );
      expect(row?.count).toBe('5000');
    });

    it('all or nothing: one file that is in the way is named, and nothing is given', async () => {
      const mine = await world.member.upload(randomBytes(10));
      const shared = await upload('tenant');
      const secret = await upload();
      const managed = await upload();
      await give(world.owner, managed.id, manageTo(world.memberAccount));
      const deleted = await world.member.upload(randomBytes(10));
      await world.member.delete(`/api/v1/files/${deleted.id}`);
      const { account } = await newcomer();
      const cases: [string, object, number, string][] = [
        [shared.id, downloadTo(account), 403, 'forbidden'],
        [secret.id, downloadTo(account), 404, 'file-not-found'],
        [managed.id, manageTo(account), 403, 'forbidden'],
        [deleted.id, downloadTo(account), 410, 'file-gone'],
      ];
      for (const [fileId, grant, status, code] of cases) {
        const answer = await world.member.post(BULK, {
          fileIds: [mine.id, fileId],
          grants: [downloadTo(world.adminAccount), grant],
        });
        expectProblem(answer, status, code);
        expect((answer.json as { errors: { field: string }[] }).errors.map(({ field }) => field)).toEqual([
          'fileIds.1',
        ]);
      }
      const foreign = await world.foreign.upload(randomBytes(10));
      const foreignUser = await world.seed.user(world.foreignTenantId);
      const body = { fileIds: [mine.id, foreign.id], grants: [downloadTo(account)] };
      expectProblem(await world.member.post(BULK, body), 404, 'file-not-found');
      expectInvalid(
        await world.member.post(BULK, {
          fileIds: [mine.id],
          grants: [downloadTo(account), downloadTo(foreignUser)],
        }),
        ['grants.1.userId'],
      );
      expect(await count([mine.id, shared.id, secret.id, deleted.id, foreign.id])).toBe(0);
      expect(await count([managed.id])).toBe(1);
    });

    const grant = { role: 'user', permission: 'download' };
    it.each<[string, unknown, string[]]>([
      ['nothing', {}, ['fileIds', 'grants']],
      ['no file', { fileIds: [], grants: [grant] }, ['fileIds']],
      ['no grant', { fileIds: ['1'], grants: [] }, ['grants']],
      [
        '101 files',
        { fileIds: Array.from({ length: 101 }, (_, at) => String(at + 1)), grants: [grant] },
        ['fileIds'],
      ],
      [
        '51 grants',
        {
          fileIds: ['1'],
          grants: Array.from({ length: 51 }, (_, at) => ({ userId: String(at + 1), permission: 'download' })),
        },
        ['grants'],
      ],
      ['a file twice', { fileIds: ['1', '1'], grants: [grant] }, ['fileIds']],
      ['a grant twice', { fileIds: ['1'], grants: [grant, { ...grant, expiresAt: null }] }, ['grants']],
      ['an id that is none', { fileIds: ['1', 'x'], grants: [grant] }, ['fileIds']],
      ['not a list', { fileIds: '1', grants: grant }, ['fileIds', 'grants']],
      ['null', { fileIds: ['1'], grants: [null] }, ['grants.0']],
      ['numbers', { fileIds: ['1'], grants: [1, 2] }, ['grants.0', 'grants.1']],
      [
        'a wrong member',
        { fileIds: ['1'], grants: [grant, { role: 'x', permission: 'download' }] },
        ['grants.1.role'],
      ],
      ['an unknown member', { fileIds: ['1'], grants: [{ ...grant, x: 1 }] }, ['grants.0.x']],
      [
        'an end in the past',
        { fileIds: ['1'], grants: [{ ...grant, expiresAt: '2020-01-01T00:00:00Z' }] },
        ['grants.0.expiresAt'],
      ],
    ])('400: %s', async (_name, body, fields) => {
      expectInvalid(await world.owner.post(BULK, body), fields);
    });
  });

  describe('races', () => {
    it('the same grant many times at once: one row, one 201', async () => {
      const file = await upload();
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          (at % 2 === 0 ? world.owner : world.admin).post(pathOf(file.id), downloadTo(world.memberAccount)),
        ),
      );
      const statuses = answers.map(({ status }) => status).toSorted();
      expect(statuses).toEqual([...Array.from({ length: 19 }, () => 200), 201]);
      expect(await listed(file.id)).toHaveLength(1);
    });

    it('bulk grants on the same files in another order do not block each other', async () => {
      const files = await Promise.all(Array.from({ length: 6 }, async () => (await upload()).id));
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, at) =>
          world.owner.post('/api/v1/grants', {
            fileIds: at % 2 === 0 ? files : files.toReversed(),
            grants: [downloadTo(world.memberAccount), { role: 'user', permission: 'download' }],
          }),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      for (const file of files) expect(await listed(file)).toHaveLength(2);
    });

    it('given while the file is deleted: 201 with its row, or 410 without', async () => {
      for (let round = 0; round < 20; round += 1) {
        const file = await upload();
        const [given, deleted] = await Promise.all([
          world.owner.post(pathOf(file.id), downloadTo(world.memberAccount)),
          world.owner.delete(`/api/v1/files/${file.id}`),
        ]);
        expect(deleted.status).toBe(204);
        if (given.status !== 201) expectProblem(given, 410, 'file-gone');
        expect(await count([file.id])).toBe(given.status === 201 ? 1 : 0);
      }
    });

    it('given to a file that is deleted while it waits for its row: 410, and no row', async () => {
      const file = await upload();
      const held = await world.seed.hold('SELECT FROM files WHERE id = $1 FOR UPDATE', [file.id]);
      const late = [
        world.owner.post(pathOf(file.id), downloadTo(world.memberAccount)),
        world.owner.post('/api/v1/grants', {
          fileIds: [file.id],
          grants: [downloadTo(world.memberAccount)],
        }),
      ];
      await held.untilWaitedFor();
      await held.query('UPDATE files SET deleted_at = now() WHERE id = $1', [file.id]);
      await held.release();
      for (const answer of await Promise.all(late)) expectProblem(answer, 410, 'file-gone');
      expect(await count([file.id])).toBe(0);
    });

    it('revoked many times at once: one 204', async () => {
      const file = await upload();
      const grant = await give(world.owner, file.id, downloadTo(world.memberAccount));
      const answers = await Promise.all(Array.from({ length: 10 }, () => revoke(world.owner, grant)));
      const statuses = answers.map(({ status }) => status).toSorted();
      expect(statuses).toEqual([204, ...Array.from({ length: 9 }, () => 404)]);
    });
  });

  it('audit: who gave what to whom, who took it, and nothing of what was refused', async () => {
    const file = await upload();
    const expiresAt = inHours(1);
    const grant = await give(world.owner, file.id, downloadTo(world.memberAccount));
    await give(world.admin, file.id, { ...downloadTo(world.memberAccount), expiresAt }, 200);
    await world.owner.post(pathOf(file.id), { userId: '9223372036854775807', permission: 'download' });
    await revoke(world.owner, grant);
    const rows = await world.seed.query<Record<string, unknown> & AuditEntry>(
      `${SELECT_AUDIT} WHERE object_kind = 'file' AND object_id = $1 ORDER BY id`,
      [file.id],
    );
    const facts = { grantId: grant.id, userId: world.memberAccount.id, permission: 'download' };
    expect(rows.map(({ action, actorId, detail }) => ({ action, actorId, detail }))).toEqual([
      { action: 'grant.create', actorId: world.ownerAccount.id, detail: { ...facts, expiresAt: null } },
      {
        action: 'grant.create',
        actorId: world.adminAccount.id,
        detail: { ...facts, expiresAt, renewed: true },
      },
      {
        action: 'grant.revoke',
        actorId: world.ownerAccount.id,
        detail: { ...facts, expiresAt, grantedBy: world.adminAccount.id },
      },
    ]);
    for (const { tenantId, outcome, ip, requestId } of rows) {
      expect({ tenantId, outcome }).toEqual({ tenantId: world.tenantId, outcome: 'ok' });
      expect(ip).toMatch(/^127\./);
      expect(requestId).toMatch(/^[0-9a-f]{32}$/);
    }
  });
});
