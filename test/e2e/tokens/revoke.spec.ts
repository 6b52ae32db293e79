import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKey } from '../../harness/accounts.js';
import { type Api, expectProblem, type FileJson, patiently } from '../../harness/api.js';
import { type AuditEntry, SELECT_AUDIT } from '../../harness/audit.js';
import { listed, mint, TokenReplica, tokensOf } from '../../harness/download-tokens.js';
import type { Answer } from '../../harness/http.js';
import type { SeededUser } from '../../harness/seed.js';
import { useWorld } from '../../harness/world.js';

describe('revoking download tokens', () => {
  const world = useWorld();
  /** Keeps what it has found, as a replica does that nobody has told of anything. */
  let replica: TokenReplica;

  beforeAll(async () => {
    replica = await TokenReplica.open(world.stack);
  });
  afterAll(() => replica.close());

  const upload = (api = world.owner): Promise<FileJson> => api.upload(randomBytes(10));
  const someone = async (
    tenantId = world.tenantId,
    role?: 'admin',
  ): Promise<{ account: SeededUser; api: Api }> => {
    const account = await world.seed.user(tenantId, role);
    return { account, api: await world.anonymous.login(account.email, account.password) };
  };
  const auditOf = async (answer: Answer): Promise<AuditEntry | undefined> => {
    const rows = await world.seed.query<AuditEntry>(`${SELECT_AUDIT} WHERE request_id = $1`, [
      answer.headers['x-request-id'],
    ]);
    expect(rows.length).toBeLessThan(2);
    return rows[0];
  };
  const hashes = async (id: string): Promise<number> =>
    (await world.seed.redis.keys(`download:token:*:${id}`)).length;

  describe('DELETE /api/v1/tokens/:id', () => {
    it('204: its hash is gone, it is not listed, its end is kept and audited; the others stay', async () => {
      const file = await upload();
      const [one, other] = [await mint(world.owner, file.id), await mint(world.owner, file.id)];
      const answer = await world.owner.delete(`/api/v1/tokens/${one.id}`);
      expect(answer.status).toBe(204);
      expect(await hashes(one.id)).toBe(0);
      expect(await replica.finds(one)).toBe(false);
      expect(await replica.finds(other)).toBe(true);
      expect((await listed(world.owner, file.id)).map(({ id }) => id)).toEqual([other.id]);
      const [row] = await world.seed.query<{ expires: Date }>(
        `SELECT expires_at AS expires FROM revocations WHERE kind = 'token' AND subject = $1`,
        [one.id],
      );
      expect(row?.expires.getTime()).toBe(Date.parse(one.expiresAt) + 86_400_000);
      expect(await auditOf(answer)).toMatchObject({
        tenantId: world.tenantId,
        actorId: world.ownerAccount.id,
        action: 'token.revoke',
        outcome: 'ok',
        objectKind: 'token',
        objectId: one.id,
        detail: { fileId: file.id, mintedBy: world.ownerAccount.id },
      });
      // Its place is free for another.
      const minter = `tokens:minter:{${world.ownerAccount.id}}:0`;
      expect(await world.seed.redis.zscore(minter, one.id)).toBeNull();
      expect(await world.seed.redis.zscore(minter, other.id)).not.toBeNull();
      // Once is enough.
      const again = await world.owner.delete(`/api/v1/tokens/${one.id}`);
      expectProblem(again, 404, 'token-not-found');
      expect(await auditOf(again)).toBeUndefined();
    });

    it('204: by its minter, who may not manage the file any more, and by who manages the file', async () => {
      const file = await upload();
      const { account, api } = await someone();
      await world.seed.grant(file.id, { userId: account.id }, 'manage');
      const [first, second] = [await mint(api, file.id), await mint(api, file.id)];
      await world.seed.query('DELETE FROM file_grants WHERE file_id = $1', [file.id]);
      await world.seed.changed(`file:${file.id}`);
      expectProblem(await api.delete(`/api/v1/files/${file.id}/tokens`), 404, 'file-not-found');
      expect((await api.delete(`/api/v1/tokens/${first.id}`)).status).toBe(204);
      expect((await world.owner.delete(`/api/v1/tokens/${second.id}`)).status).toBe(204);
    });

    it('204: one that has expired, as long as a download by it may go on', async () => {
      const file = await upload();
      const minted = await mint(world.owner, file.id, { expiresIn: 1 });
      await new Promise((resolve) => setTimeout(resolve, 1_050));
      const found = await replica.tokens.find(minted.token, '203.0.113.1');
      expect(found?.value.expiresAt.getTime()).toBeLessThan(Date.now());
      expect((await world.owner.delete(`/api/v1/tokens/${minted.id}`)).status).toBe(204);
      expect(await hashes(minted.id)).toBe(0);
    });

    it('404: nobody else learns that there is one', async () => {
      const file = await world.owner.upload(randomBytes(10), { visibility: 'tenant' });
      const minted = await mint(world.owner, file.id);
      await world.seed.grant(file.id, { userId: world.memberAccount.id }, 'download');
      for (const api of [world.member, world.foreign, world.foreignAdmin, world.operator]) {
        expectProblem(await api.delete(`/api/v1/tokens/${minted.id}`), 404, 'token-not-found');
      }
      expectProblem(await world.anonymous.delete(`/api/v1/tokens/${minted.id}`), 401, 'unauthenticated');
      expect(await replica.finds(minted)).toBe(true);
    });

    it('404: what is no id', async () => {
      const { token } = await mint(world.owner, (await upload()).id);
      for (const id of ['x', token, 'a'.repeat(22), 'a'.repeat(23), '*'.repeat(22), '%20', '1']) {
        expectProblem(await world.owner.delete(`/api/v1/tokens/${id}`), 404, 'token-not-found');
      }
    });
  });

  describe('all at once', () => {
    it('DELETE /api/v1/files/:id/tokens: whoever minted them; those of other files and later ones hold', async () => {
      const [file, other] = [await upload(), await upload()];
      const minted = [
        await mint(world.owner, file.id),
        await mint(world.admin, file.id),
        await mint(world.owner, file.id),
      ];
      const beside = await mint(world.owner, other.id);
      for (const token of [...minted, beside]) expect(await replica.finds(token)).toBe(true);
      const answer = await world.owner.delete(tokensOf(file.id));
      expect(answer.status).toBe(204);
      const later = await mint(world.owner, file.id);
      for (const token of minted) {
        expect(await replica.finds(token)).toBe(false);
        expect(await hashes(token.id)).toBe(0);
      }
      for (const token of [beside, later]) expect(await replica.finds(token)).toBe(true);
      expect((await listed(world.owner, file.id)).map(({ id }) => id)).toEqual([later.id]);
      expect(await auditOf(answer)).toMatchObject({
        action: 'tokens.revoke',
        objectKind: 'file',
        objectId: file.id,
        actorId: world.ownerAccount.id,
      });
      const index = `tokens:minter:{${world.adminAccount.id}}:0`;
      expect(await world.seed.redis.zscore(index, minted[1]?.id ?? '')).toBeNull();
      expect(await world.seed.redis.keys(`tokens:file:{${file.id}}:0*`)).toEqual([]);
    });

    it('403, 404, 410: only by who manages the file', async () => {
      const file = await world.owner.upload(randomBytes(10), { visibility: 'tenant' });
      const minted = await mint(world.owner, file.id);
      expectProblem(await world.member.delete(tokensOf(file.id)), 403, 'forbidden');
      for (const api of [world.foreign, world.foreignAdmin, world.operator]) {
        expectProblem(await api.delete(tokensOf(file.id)), 404, 'file-not-found');
      }
      expect(await replica.finds(minted)).toBe(true);
      await world.owner.delete(`/api/v1/files/${file.id}`);
      expectProblem(await world.owner.delete(tokensOf(file.id)), 410, 'file-gone');
    });

    it('DELETE /api/v1/tokens: all that the caller has minted, by login or by a key', async () => {
      const { account, api } = await someone();
      const file = await upload(api);
      const { key } = await createKey(api, ['tokens']);
      const byKey = world.anonymous.withKey(key);
      const minted = [await mint(api, file.id), await mint(byKey, file.id)];
      const others = await mint(world.admin, file.id);
      for (const token of [...minted, others]) expect(await replica.finds(token)).toBe(true);
      const answer = await byKey.delete('/api/v1/tokens');
      expect(answer.status).toBe(204);
      expect(await auditOf(answer)).toMatchObject({
        action: 'tokens.revoke',
        objectKind: 'user',
        objectId: account.id,
        actorId: account.id,
      });
      for (const token of minted) {
        expect(await replica.finds(token)).toBe(false);
        expect(await hashes(token.id)).toBe(0);
      }
      expect(await replica.finds(others)).toBe(true);
      expect((await listed(api, file.id)).map(({ id }) => id)).toEqual([others.id]);
      expect(await replica.finds(await mint(api, file.id))).toBe(true);
      // Neither the session nor the key has ended.
      expect((await api.send('/api/v1/auth/me')).status).toBe(200);
    });

    it('DELETE /api/v1/users/:id/tokens: by the user itself, an admin of its tenant, an operator', async () => {
      const { account, api } = await someone();
      const file = await upload(api);
      for (const who of [api, world.admin, world.operator]) {
        const minted = await mint(api, file.id);
        expect(await replica.finds(minted)).toBe(true);
        const answer = await who.delete(`/api/v1/users/${account.id}/tokens`);
        expect(answer.status, answer.text).toBe(204);
        expect(await replica.finds(minted)).toBe(false);
        expect(await auditOf(answer)).toMatchObject({
          tenantId: world.tenantId,
          action: 'tokens.revoke',
          objectId: account.id,
        });
      }
    });

    it('403, 404: by nobody else, whether there is such a user or not', async () => {
      const { account, api } = await someone();
      const minted = await mint(api, (await upload(api)).id);
      const path = `/api/v1/users/${account.id}/tokens`;
      const nobody = '/api/v1/users/9223372036854775807/tokens';
      for (const other of [world.member, world.foreign]) {
        expectProblem(await other.delete(path), 403, 'forbidden');
        expectProblem(await other.delete(nobody), 403, 'forbidden');
      }
      expectProblem(await world.foreignAdmin.delete(path), 404, 'user-not-found');
      expectProblem(await world.admin.delete(nobody), 404, 'user-not-found');
      const { key } = await createKey(api);
      expectProblem(await world.anonymous.withKey(key).delete(path), 403, 'forbidden');
      for (const id of ['0', 'x', '9223372036854775808']) {
        expectProblem(await api.delete(`/api/v1/users/${id}/tokens`), 400, 'validation-failed');
      }
      expect(await replica.finds(minted)).toBe(true);
    });

    it('403: those of an operator, by an admin of the tenant who is none', async () => {
      const { account: admin } = await someone(await world.seed.defaultTenant(), 'admin');
      const api = await world.anonymous.login(admin.email, admin.password);
      const me = await world.operator.send('/api/v1/auth/me');
      const { id } = me.json as { id: string };
      expectProblem(await api.delete(`/api/v1/users/${id}/tokens`), 403, 'forbidden');
    });
  });

  /** What else takes a token's right away: told to nobody, found by every replica at its next request. */
  describe('what else ends them', () => {
    interface Ending {
      readonly api: Api;
      readonly account: SeededUser;
      readonly file: FileJson;
      readonly keyId: string;
    }
    const ok = async (answer: Promise<Answer>): Promise<void> => {
      const { status, text } = await answer;
      expect(status, text).toBeLessThan(300);
    };
    const ENDINGS: readonly [
      string,
      { bySession: boolean; byKey: boolean },
      (of: Ending) => Promise<void>,
    ][] = [
      [
        'a change of the password',
        { bySession: false, byKey: false },
        ({ api, account: { password } }) =>
          ok(
            patiently(() =>
              api.post('/api/v1/auth/password', { currentPassword: password, newPassword: 'another one' }),
            ),
          ),
      ],
      [
        'a reset by an admin',
        { bySession: false, byKey: false },
        ({ account: { id } }) =>
          ok(patiently(() => world.admin.patch(`/api/v1/users/${id}`, { password: 'another one' }))),
      ],
      [
        'deleting the user',
        { bySession: false, byKey: false },
        ({ account: { id } }) => ok(world.admin.delete(`/api/v1/users/${id}`)),
      ],
      [
        'disabling the user',
        { bySession: false, byKey: false },
        ({ account: { id } }) => ok(world.admin.patch(`/api/v1/users/${id}`, { disabled: true })),
      ],
      [
        'revoking the key',
        { bySession: true, byKey: false },
        ({ api, keyId }) => ok(api.delete(`/api/v1/auth/api-keys/${keyId}`)),
      ],
      [
        'the end of the key',
        { bySession: true, byKey: false },
        async ({ account: { id }, keyId }) => {
          await world.seed.query('UPDATE api_keys SET expires_at = now() WHERE id = $1', [keyId]);
          await world.seed.changed(`user:${id}`);
        },
      ],
      [
        'another user of the same id, after a restore',
        { bySession: false, byKey: false },
        async ({ account: { id } }) => {
          await world.seed.query('UPDATE users SET uid = gen_random_uuid() WHERE id = $1', [id]);
          await world.seed.changed(`user:${id}`);
        },
      ],
      [
        'another file of the same id, after a restore',
        { bySession: false, byKey: false },
        async ({ file: { id } }) => {
          await world.seed.query('UPDATE files SET uid = gen_random_uuid() WHERE id = $1', [id]);
          await world.seed.changed(`file:${id}`);
        },
      ],
      [
        'nothing: the end of all sessions',
        { bySession: true, byKey: true },
        ({ api }) => ok(api.delete('/api/v1/auth/sessions')),
      ],
    ];

    it.each(ENDINGS)('%s', async (_name, holds, end) => {
      const { account, api } = await someone();
      const file = await upload(api);
      const { id: keyId, key } = await createKey(api, ['tokens']);
      const bySession = await mint(api, file.id);
      const byKey = await mint(world.anonymous.withKey(key), file.id);
      const found = async () => ({
        bySession: await replica.finds(bySession),
        byKey: await replica.finds(byKey),
      });
      expect(await found()).toEqual({ bySession: true, byKey: true });
      await end({ api, account, file, keyId });
      expect(await found()).toEqual(holds);
      // The list says the same.
      const left = await world.admin.send(tokensOf(file.id));
      const expected = [...(holds.byKey ? [byKey.id] : []), ...(holds.bySession ? [bySession.id] : [])];
      expect((left.json as { items: { id: string }[] }).items.map(({ id }) => id)).toEqual(expected);
    });

    it('a suspended tenant, as long as it is', async () => {
      const tenantId = await world.seed.tenant();
      const { api } = await someone(tenantId);
      const minted = await mint(api, (await upload(api)).id);
      expect(await replica.finds(minted)).toBe(true);
      await ok(world.operator.patch(`/api/v1/tenants/${tenantId}`, { suspended: true }));
      expect(await replica.finds(minted)).toBe(false);
      await ok(world.operator.patch(`/api/v1/tenants/${tenantId}`, { suspended: false }));
      expect(await replica.finds(minted)).toBe(true);
    });

    it('a disabled user, as long as it is', async () => {
      const { account, api } = await someone();
      const minted = await mint(api, (await upload(api)).id);
      await ok(world.admin.patch(`/api/v1/users/${account.id}`, { disabled: true }));
      expect(await replica.finds(minted)).toBe(false);
      await ok(world.admin.patch(`/api/v1/users/${account.id}`, { disabled: false }));
      expect(await replica.finds(minted)).toBe(true);
    });

    it('the limits and the role of the minter are those of now', async () => {
      const { account, api } = await someone();
      const minted = await mint(api, (await upload(api)).id);
      expect(await replica.finds(minted)).toBe(true);
      const change = { role: 'admin', limits: { userRate: 4_096 } };
      await ok(world.admin.patch(`/api/v1/users/${account.id}`, change));
      const found = await replica.tokens.find(minted.token, '203.0.113.1');
      expect(found?.value.minter).toMatchObject(change);
    });
  });

  it('minting meanwhile: a token is void when all end after it was begun, wherever it was', async () => {
    const { account, api } = await someone();
    const file = await upload(api);
    for (let round = 0; round < 20; round += 1) {
      const [answers] = await Promise.all([
        Promise.all(Array.from({ length: 4 }, () => api.post(tokensOf(file.id), {}))),
        api.delete(round % 2 === 0 ? '/api/v1/tokens' : tokensOf(file.id)),
      ]);
      const [row] = await world.seed.query<{ file: number; minter: number }>(
        `SELECT f.token_epoch AS file, u.token_epoch AS minter FROM files f, users u WHERE f.id = $1 AND u.id = $2`,
        [file.id, account.id],
      );
      const living = new Set((await listed(api, file.id)).map(({ id }) => id));
      for (const answer of answers) {
        const minted = answer.json as { id: string; token: string };
        const stored = await replica.store.find(minted.id);
        const current = stored?.fileEpoch === row?.file && stored?.minterEpoch === row?.minter;
        expect(await replica.finds(minted)).toBe(current);
        expect(living.has(minted.id)).toBe(current);
      }
    }
  });

  it('a password that is changed while a token is minted: the token of the old session is void, or there is none', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { account, api } = await someone();
      const file = await upload(api);
      const minting = Array.from({ length: 6 }, async (_, at) => {
        await new Promise((resolve) => setTimeout(resolve, 4 * at));
        return api.post(tokensOf(file.id), {});
      });
      await patiently(() =>
        api.post('/api/v1/auth/password', {
          currentPassword: account.password,
          newPassword: 'another one',
        }),
      );
      for (const answer of await Promise.all(minting)) {
        if (answer.status === 201) expect(await replica.finds(answer.json as { token: string })).toBe(false);
        else expect([401, 429]).toContain(answer.status);
      }
    }
  });
});
