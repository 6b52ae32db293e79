import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { UserLimits } from '../accounts/user-limits.js';
import type { Permission } from '../principals/permissions.js';
import type { Role } from '../principals/principal.js';

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: Permission[];
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly createdAt: Date;
}

/** A key that nobody has revoked, of a user that may act now. */
export interface UsableApiKey {
  readonly id: string;
  readonly sha256: string;
  readonly scopes: Permission[];
  readonly expiresAt: Date | null;
  readonly userId: string;
  readonly userUid: string;
  readonly tenantId: string;
  readonly email: string;
  readonly role: Role;
  readonly limits: UserLimits;
}

const COLUMNS = `id, name, prefix, scopes, expires_at AS "expiresAt", last_used_at AS "lastUsedAt", created_at AS "createdAt"`;
const LIVE = `revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`;

@Injectable()
export class ApiKeysRepository {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async findUsable(prefix: string): Promise<UsableApiKey | undefined> {
    const [key] = await this.database.query<UsableApiKey[]>(
      `SELECT k.id, k.sha256, k.scopes, k.expires_at AS "expiresAt", u.id AS "userId", u.uid AS "userUid",
              u.tenant_id AS "tenantId", u.email, u.role, u.limits
       FROM api_keys k
       JOIN users u ON u.tenant_id = k.tenant_id AND u.id = k.user_id
       JOIN tenants t ON t.id = u.tenant_id
       WHERE k.prefix = $1 AND k.revoked_at IS NULL
         AND u.disabled_at IS NULL AND u.deleted_at IS NULL AND t.suspended_at IS NULL`,
      [prefix],
    );
    return key;
  }

  /** Exact to the minute: a key that is used all the time does not write all the time. */
  async noteUse(id: string): Promise<void> {
    await this.database.query(
      `UPDATE api_keys SET last_used_at = now()
       WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
      [id],
    );
  }

  /** Neither revoked nor expired, newest first. */
  list(tenantId: string, userId: string): Promise<ApiKey[]> {
    return this.database.query<ApiKey[]>(
      `SELECT ${COLUMNS} FROM api_keys WHERE tenant_id = $1 AND user_id = $2 AND ${LIVE} ORDER BY id DESC`,
      [tenantId, userId],
    );
  }

  /** The user's row is locked: two requests do not both take the last place. */
  async countLive(transaction: EntityManager, userId: string): Promise<number> {
    const [row] = await transaction.query<{ count: number }[]>(
      `SELECT count(*)::integer AS count FROM api_keys WHERE user_id = $1 AND ${LIVE}`,
      [userId],
    );
    return row?.count ?? 0;
  }

  async insert(
    transaction: EntityManager,
    owner: { readonly tenantId: string; readonly userId: string },
    key: {
      readonly name: string;
      readonly prefix: string;
      readonly sha256: string;
      readonly scopes: readonly Permission[];
      readonly expiresAt: Date | null;
    },
  ): Promise<ApiKey> {
    const [row] = await transaction.query<ApiKey[]>(
      `INSERT INTO api_keys (tenant_id, user_id, name, prefix, sha256, scopes, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ${COLUMNS}`,
      [owner.tenantId, owner.userId, key.name, key.prefix, key.sha256, key.scopes, key.expiresAt],
    );
    if (row === undefined) throw new Error('INSERT … RETURNING gave no row');
    return row;
  }

  /** @returns false when the user has no such key, or no longer */
  async revoke(transaction: EntityManager, userId: string, id: string): Promise<boolean> {
    const [, count] = await transaction.query<[unknown[], number]>(
      'UPDATE api_keys SET revoked_at = now() WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL',
      [userId, id],
    );
    return count > 0;
  }
}
