import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { UserPrincipal } from '../auth/index.js';
import type { StoredToken, TokenOrigin } from './stored-token.js';

/** Who minted a token that holds, with the rights of now. */
export interface Minter extends Omit<UserPrincipal, 'kind' | 'credential'> {
  /** Id of the token. */
  readonly id: string;
  /** When the API key ends by which it was minted. */
  readonly keyExpiresAt: Date | null;
}

const ACTIVE = 'u.disabled_at IS NULL AND u.deleted_at IS NULL AND t.suspended_at IS NULL';
const LIVE_KEY = 'k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())';

/** What PostgreSQL says of tokens: always the primary (RULES 3.2). */
@Injectable()
export class TokensRepository {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /**
   * Under what `user` mints a token of a file now. In one look with whether it still may act: what is ended after that look ends the
   * token as well.
   * @returns undefined when the credentials of the request have ended meanwhile, or there is no such file
   */
  async originOf(user: UserPrincipal, fileId: string): Promise<TokenOrigin | undefined> {
    const { credential } = user;
    const session = credential.kind === 'session' ? credential : undefined;
    const keyId = credential.kind === 'api-key' ? credential.id : null;
    const [row] = await this.database.query<
      { fileUid: string; fileEpoch: number; minterUid: string; minterEpoch: number }[]
    >(
      `SELECT f.uid AS "fileUid", f.token_epoch AS "fileEpoch", u.uid AS "minterUid", u.token_epoch AS "minterEpoch"
       FROM users u
       JOIN tenants t ON t.id = u.tenant_id
       JOIN files f ON f.tenant_id = u.tenant_id AND f.id = $3
       WHERE u.id = $1 AND u.uid = $2 AND ${ACTIVE}
         AND ($4::integer IS NULL OR u.auth_epoch = $4)
         AND NOT EXISTS (SELECT FROM revocations r WHERE r.kind = 'session' AND r.subject = $5)
         AND ($6::bigint IS NULL OR EXISTS (SELECT FROM api_keys k WHERE k.user_id = u.id AND k.id = $6 AND ${LIVE_KEY}))`,
      [user.userId, user.userUid, fileId, session?.epoch ?? null, session?.id ?? null, keyId],
    );
    return row && { ...row, fileId, tenantId: user.tenantId, minterId: user.userId, keyId };
  }

  /**
   * Which of these hold, by id: neither revoked, alone or with all of their file or their minter, nor of a minter or by a key that may
   * not act now. Whether the minter still has a right to the file is for who knows the file's grants.
   */
  async holding(tokens: readonly StoredToken[]): Promise<ReadonlyMap<string, Minter>> {
    if (tokens.length === 0) return new Map();
    const rows = await this.database.query<Minter[]>(
      `SELECT token.id, u.id AS "userId", u.uid AS "userUid", u.tenant_id AS "tenantId", u.role, u.email, u.limits,
              k.expires_at AS "keyExpiresAt"
       FROM jsonb_to_recordset($1::jsonb) AS token (
              id text, "tenantId" bigint, "fileId" bigint, "fileUid" uuid, "fileEpoch" integer,
              "minterId" bigint, "minterUid" uuid, "minterEpoch" integer, "keyId" bigint)
       JOIN users u ON u.tenant_id = token."tenantId" AND u.id = token."minterId" AND u.uid = token."minterUid"
                   AND u.token_epoch = token."minterEpoch"
       JOIN tenants t ON t.id = u.tenant_id
       JOIN files f ON f.tenant_id = token."tenantId" AND f.id = token."fileId" AND f.uid = token."fileUid"
                   AND f.token_epoch = token."fileEpoch"
       LEFT JOIN api_keys k ON k.user_id = u.id AND k.id = token."keyId" AND ${LIVE_KEY}
       WHERE ${ACTIVE} AND (token."keyId" IS NULL OR k.id IS NOT NULL)
         AND NOT EXISTS (SELECT FROM revocations r WHERE r.kind = 'token' AND r.subject = token.id)`,
      [JSON.stringify(tokens.map(originOnly))],
    );
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** @returns undefined when there is no such file */
  async epochOfFile(tenantId: string, fileId: string): Promise<number | undefined> {
    const [row] = await this.database.query<{ epoch: number }[]>(
      'SELECT token_epoch AS epoch FROM files WHERE tenant_id = $1 AND id = $2',
      [tenantId, fileId],
    );
    return row?.epoch;
  }

  async lockFile(transaction: EntityManager, tenantId: string, fileId: string): Promise<void> {
    await transaction.query('SELECT FROM files WHERE tenant_id = $1 AND id = $2 FOR UPDATE', [
      tenantId,
      fileId,
    ]);
  }

  /** The file's row is locked. @returns the epoch that is over */
  async endAllOfFile(transaction: EntityManager, tenantId: string, fileId: string): Promise<number> {
    const [[row]] = await transaction.query<[{ over: number }[], number]>(
      'UPDATE files SET token_epoch = token_epoch + 1 WHERE tenant_id = $1 AND id = $2 RETURNING token_epoch - 1 AS over',
      [tenantId, fileId],
    );
    if (row === undefined) throw new Error('a file is never removed from its table');
    return row.over;
  }
}

function originOnly({ id, ...token }: StoredToken): TokenOrigin & { readonly id: string } {
  const { fileId, fileUid, fileEpoch, tenantId, minterId, minterUid, minterEpoch, keyId } = token;
  return { id, fileId, fileUid, fileEpoch, tenantId, minterId, minterUid, minterEpoch, keyId };
}
