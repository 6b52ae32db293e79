import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect } from 'vitest';
import { createKey } from './accounts.js';
import { type Api, patiently } from './api.js';
import { mint, tokensOf } from './download-tokens.js';
import type { Answer } from './http.js';
import type { OwnStack } from './own-stack.js';
import { Seed, type SeededUser } from './seed.js';

/** Somebody who may download a file, and how that right is taken. */
export interface Downloader {
  /** The caller, without `token`, which stands in `path`. */
  readonly api: Api;
  readonly path: string;
  readonly revoke: (replica: string) => Promise<Answer>;
  readonly refused: readonly [status: number, code: string];
}

export type RevocationWay = readonly [name: string, prepare: (bytes: Buffer) => Promise<Downloader>];

/** Asked past nginx nothing ends a transfer: its slot is kept. */
const ENDLESS = { maxConcurrent: 1_000 };

const tokenInvalid = [403, 'token-invalid'] as const;
const unauthenticated = [401, 'unauthenticated'] as const;
const notFound = [404, 'file-not-found'] as const;
const gone = [410, 'file-gone'] as const;

/** People of a tenant of its own, and every way in which the right to download ends. */
export class RevocationWays {
  seed!: Seed;
  tenantId!: string;

  /** Call it in a suite's body. */
  constructor(private readonly own: OwnStack) {
    beforeAll(async () => {
      this.seed = Seed.open(own.stack);
      this.tenantId = await this.seed.tenant();
    });
    afterAll(() => this.seed.close());
  }

  async someone(tenantId = this.tenantId, role?: 'admin'): Promise<{ account: SeededUser; user: Api }> {
    const account = await this.seed.user(tenantId, role);
    return { account, user: await this.own.anonymous.login(account.email, account.password) };
  }

  /** @returns the grant's path */
  async give(by: Api, fileId: string, to: object, permission = 'download'): Promise<string> {
    const grants = `/api/v1/files/${fileId}/grants`;
    const answer = await by.post(grants, { ...to, permission });
    expect(answer.status, answer.text).toBe(201);
    return `${grants}/${(answer.json as { id: string }).id}`;
  }

  /** By a token that somebody has minted for a file of its own. */
  async byToken(bytes: Buffer, terms: object = {}) {
    const { account, user } = await this.someone();
    const file = await user.upload(bytes);
    const token = await mint(user, file.id, { ...ENDLESS, ...terms });
    const path = `/download/${file.id}?token=${token.token}`;
    return { account, user, file, token, api: this.own.anonymous, path, refused: tokenInvalid };
  }

  /** By a grant on the file of somebody else. */
  async byGrant(bytes: Buffer, to: (account: SeededUser) => object = ({ id }) => ({ userId: id })) {
    const { user } = await this.someone();
    const { account, user: api } = await this.someone();
    const file = await user.upload(bytes);
    const grant = await this.give(user, file.id, to(account));
    return { user, api, file, grant, path: `/download/${file.id}`, refused: notFound };
  }

  /** A file of one's own. */
  async ofOwn(bytes: Buffer, visibility = 'private') {
    const { account, user } = await this.someone();
    const file = await user.upload(bytes, { visibility });
    return { account, user, api: user, file, path: `/download/${file.id}`, refused: unauthenticated };
  }

  readonly all: readonly RevocationWay[] = [
    [
      'a token, alone',
      async (bytes) => {
        const by = await this.byToken(bytes);
        return { ...by, revoke: (at) => by.user.via(at).delete(`/api/v1/tokens/${by.token.id}`) };
      },
    ],
    [
      'all tokens of a file',
      async (bytes) => {
        const by = await this.byToken(bytes);
        return { ...by, revoke: (at) => by.user.via(at).delete(tokensOf(by.file.id)) };
      },
    ],
    [
      'all tokens of a user, by itself',
      async (bytes) => {
        const by = await this.byToken(bytes);
        return { ...by, revoke: (at) => by.user.via(at).delete('/api/v1/tokens') };
      },
    ],
    [
      'all tokens of a user, by an admin',
      async (bytes) => {
        const by = await this.byToken(bytes);
        return { ...by, revoke: (at) => this.admin(at).delete(`/api/v1/users/${by.account.id}/tokens`) };
      },
    ],
    [
      'a token whose minter is disabled',
      async (bytes) => {
        const by = await this.byToken(bytes);
        return { ...by, revoke: (at) => this.patchUser(at, by.account, { disabled: true }) };
      },
    ],
    [
      'a token whose minter is deleted',
      async (bytes) => {
        const by = await this.byToken(bytes);
        return { ...by, revoke: (at) => this.admin(at).delete(`/api/v1/users/${by.account.id}`) };
      },
    ],
    [
      'a token whose minter changes its password',
      async (bytes) => {
        const by = await this.byToken(bytes);
        return { ...by, revoke: (at) => changePassword(by.user.via(at), by.account) };
      },
    ],
    [
      'a token whose minter gets a password from an admin',
      async (bytes) => {
        const by = await this.byToken(bytes);
        return { ...by, revoke: (at) => this.patchUser(at, by.account, { password: 'another one' }) };
      },
    ],
    [
      'a token whose minter loses the grant to manage the file',
      async (bytes) => {
        const { user } = await this.someone();
        const { account, user: minter } = await this.someone();
        const file = await user.upload(bytes);
        const grant = await this.give(user, file.id, { userId: account.id }, 'manage');
        // What is left is a right to download, and none to give it.
        await this.give(user, file.id, { userId: account.id });
        const { token } = await mint(minter, file.id, ENDLESS);
        return {
          api: this.own.anonymous,
          path: `/download/${file.id}?token=${token}`,
          revoke: (at) => user.via(at).delete(grant),
          refused: tokenInvalid,
        };
      },
    ],
    [
      'a token whose minter loses the role by which it manages the file',
      async (bytes) => {
        const { user } = await this.someone();
        const { account, user: minter } = await this.someone(this.tenantId, 'admin');
        const file = await user.upload(bytes);
        const { token } = await mint(minter, file.id, ENDLESS);
        return {
          api: this.own.anonymous,
          path: `/download/${file.id}?token=${token}`,
          revoke: (at) => this.patchUser(at, account, { role: 'user' }),
          refused: tokenInvalid,
        };
      },
    ],
    [
      'a token by an API key that is revoked',
      async (bytes) => {
        const { user } = await this.someone();
        const file = await user.upload(bytes);
        const { id, key } = await createKey(user, ['tokens']);
        const { token } = await mint(this.own.anonymous.withKey(key), file.id, ENDLESS);
        return {
          api: this.own.anonymous,
          path: `/download/${file.id}?token=${token}`,
          revoke: (at) => user.via(at).delete(`/api/v1/auth/api-keys/${id}`),
          refused: tokenInvalid,
        };
      },
    ],
    [
      'a token of a tenant that is suspended',
      async (bytes) => {
        const tenantId = await this.seed.tenant();
        const { user } = await this.someone(tenantId);
        const file = await user.upload(bytes);
        const { token } = await mint(user, file.id, ENDLESS);
        return {
          api: this.own.anonymous,
          path: `/download/${file.id}?token=${token}`,
          revoke: (at) => this.suspend(at, tenantId),
          refused: tokenInvalid,
        };
      },
    ],
    [
      'a token of a file that is deleted',
      async (bytes) => {
        const by = await this.byToken(bytes);
        return {
          ...by,
          revoke: (at) => by.user.via(at).delete(`/api/v1/files/${by.file.id}`),
          refused: gone,
        };
      },
    ],
    [
      'a grant',
      async (bytes) => {
        const by = await this.byGrant(bytes);
        return { ...by, revoke: (at) => by.user.via(at).delete(by.grant) };
      },
    ],
    [
      'a grant to a role',
      async (bytes) => {
        const by = await this.byGrant(bytes, () => ({ role: 'user' }));
        return { ...by, revoke: (at) => by.user.via(at).delete(by.grant) };
      },
    ],
    [
      'visibility: tenant → private',
      async (bytes) => {
        const { user, file, path } = await this.ofOwn(bytes, 'tenant');
        const { user: api } = await this.someone();
        return { api, path, revoke: (at) => this.hide(user, at, file.id), refused: notFound };
      },
    ],
    [
      'visibility: public → private',
      async (bytes) => {
        const { user, file, path } = await this.ofOwn(bytes, 'public');
        return {
          api: this.own.anonymous,
          path,
          revoke: (at) => this.hide(user, at, file.id),
          refused: unauthenticated,
        };
      },
    ],
    [
      'a public file of a tenant that is suspended',
      async (bytes) => {
        const tenantId = await this.seed.tenant();
        const { user } = await this.someone(tenantId);
        const file = await user.upload(bytes, { visibility: 'public' });
        return {
          api: this.own.anonymous,
          path: `/download/${file.id}`,
          revoke: (at) => this.suspend(at, tenantId),
          refused: unauthenticated,
        };
      },
    ],
    [
      'a file, by deleting it',
      async (bytes) => {
        const by = await this.ofOwn(bytes);
        return {
          ...by,
          revoke: (at) => by.user.via(at).delete(`/api/v1/files/${by.file.id}`),
          refused: gone,
        };
      },
    ],
    [
      'a session, by logging out',
      async (bytes) => {
        const by = await this.ofOwn(bytes);
        return {
          ...by,
          revoke: (at) => by.user.via(at).send('/api/v1/auth/logout', { method: 'POST' }),
        };
      },
    ],
    [
      'a session, by a change of the password',
      async (bytes) => {
        const by = await this.ofOwn(bytes);
        return { ...by, revoke: (at) => changePassword(by.user.via(at), by.account) };
      },
    ],
    [
      'an API key',
      async (bytes) => {
        const by = await this.ofOwn(bytes);
        const { id, key } = await createKey(by.user, ['download']);
        return {
          ...by,
          api: this.own.anonymous.withKey(key),
          revoke: (at) => by.user.via(at).delete(`/api/v1/auth/api-keys/${id}`),
        };
      },
    ],
    [
      'a user, by an admin',
      async (bytes) => {
        const by = await this.ofOwn(bytes);
        return { ...by, revoke: (at) => this.patchUser(at, by.account, { disabled: true }) };
      },
    ],
    [
      'a tenant',
      async (bytes) => {
        const tenantId = await this.seed.tenant();
        const { user } = await this.someone(tenantId);
        const file = await user.upload(bytes);
        return {
          api: user,
          path: `/download/${file.id}`,
          revoke: (at) => this.suspend(at, tenantId),
          refused: unauthenticated,
        };
      },
    ],
  ];

  private admin(at: string): Api {
    return this.own.admin.via(at);
  }

  private patchUser(at: string, { id }: SeededUser, change: object): Promise<Answer> {
    return patiently(() => this.admin(at).patch(`/api/v1/users/${id}`, change));
  }

  private suspend(at: string, tenantId: string): Promise<Answer> {
    return this.admin(at).patch(`/api/v1/tenants/${tenantId}`, { suspended: true });
  }

  private hide(owner: Api, at: string, fileId: string): Promise<Answer> {
    return owner.via(at).patch(`/api/v1/files/${fileId}`, { visibility: 'private' });
  }
}

function changePassword(api: Api, { password }: SeededUser): Promise<Answer> {
  const newPassword = randomBytes(12).toString('base64url');
  return patiently(() => api.post('/api/v1/auth/password', { currentPassword: password, newPassword }));
}
