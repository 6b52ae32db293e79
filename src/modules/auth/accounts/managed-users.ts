import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { forbidden, userNotFound } from '../auth.problems.js';
import type { Actor } from '../principals/actor.js';
import type { UserPrincipal } from '../principals/principal.js';
import type { UserLimits } from './user-limits.js';
import { mayStillAct } from './users.repository.js';
import type { UserDto } from './users.dto.js';

/** As the database has it. */
type Row = Omit<UserDto, 'limits'> & { readonly limits: UserLimits };

export const USER_COLUMNS = `id, email, role, tenant_id AS "tenantId", disabled_at IS NOT NULL AS disabled, limits,
  created_at AS "createdAt", updated_at AS "updatedAt"`;

/** A user that somebody else changes: an admin those of its tenant, an operator all. */
@Injectable()
export class ManagedUsers {
  /**
   * Locks the row, and the caller's own and its tenant's in one order for all: of two operators who remove each other at
   * once, in whatever way, only one succeeds. Nobody changes an operator but an operator.
   * @throws Problem `user-not-found` (404), `forbidden` (403)
   */
  async lock(transaction: EntityManager, id: string, { user }: Actor): Promise<Row> {
    await transaction.query('SELECT id FROM tenants WHERE id = $1 FOR SHARE', [user.tenantId]);
    await transaction.query('SELECT id FROM users WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE', [
      [id, user.userId],
    ]);
    if (!(await mayStillAct(transaction, user))) throw forbidden();
    const found = await this.find(transaction, id, user);
    if (found === undefined) throw userNotFound();
    requireMayGive(found.role, user);
    return found;
  }

  async find(
    manager: EntityManager,
    id: string,
    { role, tenantId }: UserPrincipal,
  ): Promise<Row | undefined> {
    const [user] = await manager.query<Row[]>(
      `SELECT ${USER_COLUMNS} FROM users WHERE id = $1 AND deleted_at IS NULL AND ($2::bigint IS NULL OR tenant_id = $2)`,
      [id, role === 'operator' ? null : tenantId],
    );
    return user;
  }
}

/** @throws Problem `forbidden` (403) */
export function requireMayGive(role: string, caller: UserPrincipal): void {
  if (role === 'operator' && caller.role !== 'operator') {
    throw forbidden('Operators are made and changed by operators only.');
  }
}
