import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { decodeIdCursor, pageOf } from '../../../common/http/index.js';
import { Problem, validationFailed } from '../../../common/problems/index.js';
import { RevokingTransaction } from '../../../common/revocation/index.js';
import { Conditions, isUniqueViolation } from '../../../common/database/index.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { emailTaken, forbidden, ownAccount, tenantNotFound, userNotFound } from '../auth.problems.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import type { Actor } from '../principals/actor.js';
import type { UserPrincipal } from '../principals/principal.js';
import { endCredentials } from './end-credentials.js';
import { ManagedUsers, requireMayGive, USER_COLUMNS } from './managed-users.js';
import { Turns } from './turns.js';
import { changeLimits } from './user-limits.js';
import type { ChangeUserDto, ListUsersQuery, NewUserDto, UserDto, UserPageDto } from './users.dto.js';

/** Users as admins see them: those of their tenant. An operator names the tenant, and is admin of its own. */
@Injectable()
export class UsersService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly managed: ManagedUsers,
    private readonly passwords: PasswordHasher,
    private readonly revoking: RevokingTransaction,
    private readonly turns: Turns,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws Problem `forbidden` (403), `tenant-not-found` (404), `email-taken` (409) */
  async create({ email, password, role, tenant }: NewUserDto, actor: Actor): Promise<UserDto> {
    const tenantId = tenantOf(tenant, actor.user);
    requireMayGive(role, actor.user);
    const passwordHash = await this.passwords.hash(password);
    try {
      return await this.database.transaction(async (transaction) => {
        const [user] = await transaction.query<UserDto[]>(
          `INSERT INTO users (tenant_id, email, password_hash, role)
           SELECT id, $2, $3, $4 FROM tenants WHERE id = $1 RETURNING ${USER_COLUMNS}`,
          [tenantId, email, passwordHash, role],
        );
        if (user === undefined) throw tenantNotFound();
        await this.audit.record(transaction, {
          ...actor,
          tenantId,
          action: 'user.create',
          outcome: 'ok',
          object: { kind: 'user', id: user.id },
          detail: { email, role },
        });
        return user;
      });
    } catch (error) {
      throw isUniqueViolation(error, 'users_email') ? emailTaken() : error;
    }
  }

  /** By id. */
  async list(query: ListUsersQuery, caller: UserPrincipal): Promise<UserPageDto> {
    const where = new Conditions('tenant_id = $1 AND deleted_at IS NULL', [
      tenantOf(query.tenant, caller),
      query.limit + 1,
    ]);
    where.filter('strpos(email, ?) > 0', query.email);
    where.filter('role = ?', query.role);
    where.filter('id > ?', query.cursor === undefined ? undefined : decodeIdCursor(query.cursor));
    const rows = await this.database.query<UserDto[]>(
      `SELECT ${USER_COLUMNS} FROM users WHERE ${where.toString()} ORDER BY id LIMIT $2`,
      where.values,
    );
    return pageOf(rows, query.limit);
  }

  /** @throws Problem `user-not-found` (404) */
  async get(id: string, caller: UserPrincipal): Promise<UserDto> {
    const user = await this.managed.find(this.database.manager, id, caller);
    if (user === undefined) throw userNotFound();
    return user;
  }

  /**
   * Takes effect at the user's next request, on every replica. Who is disabled is logged out, too: a session that was stolen
   * does not come back when the user does.
   * @throws Problem `user-not-found` (404), `forbidden` (403), `own-account` (409), `validation-failed` (400)
   */
  async change(id: string, change: ChangeUserDto, actor: Actor): Promise<UserDto> {
    if (Object.values(change).every((value) => value === undefined)) {
      throw new Problem(validationFailed, { detail: 'Nothing to change: send at least one member.' });
    }
    const { role, disabled, password, limits } = change;
    if (role !== undefined) requireMayGive(role, actor.user);
    if (id === actor.user.userId) refuseOnOneself(change);
    // Before anything is locked: it takes a while.
    const passwordHash = password === undefined ? null : await this.passwords.hash(password);
    return this.turns.take(actor.user.userId, () =>
      this.revoking.run(async (transaction, announce) => {
        const user = await this.managed.lock(transaction, id, actor);
        if (passwordHash !== null) await requireHasPassword(transaction, id);
        await announce(`user:${id}`);
        await transaction.query(
          `UPDATE users SET
           role = coalesce($2, role), password_hash = coalesce($3, password_hash), limits = $4, updated_at = now(),
           disabled_at = CASE WHEN $5::boolean IS NULL THEN disabled_at WHEN $5 THEN coalesce(disabled_at, now()) END,
           auth_epoch = auth_epoch + CASE WHEN $5 THEN 1 ELSE 0 END
         WHERE id = $1`,
          [
            id,
            role ?? null,
            passwordHash,
            JSON.stringify(limits === undefined ? user.limits : changeLimits(user.limits, limits)),
            disabled ?? null,
          ],
        );
        if (passwordHash !== null) await endCredentials(transaction, id);
        await this.audit.record(transaction, {
          ...actor,
          tenantId: user.tenantId,
          action: 'user.change',
          outcome: 'ok',
          object: { kind: 'user', id },
          detail: { role, disabled, limits, ...(passwordHash !== null && { passwordReset: true }) },
        });
        const changed = await this.managed.find(transaction, id, actor.user);
        if (changed === undefined) throw userNotFound();
        return changed;
      }),
    );
  }

  /** The user is gone from the next request on; files and audit stay. @throws Problem as `change` */
  async delete(id: string, actor: Actor): Promise<void> {
    if (id === actor.user.userId) throw ownAccount('Ask another admin to delete you.');
    await this.turns.take(actor.user.userId, () =>
      this.revoking.run(async (transaction, announce) => {
        const user = await this.managed.lock(transaction, id, actor);
        await announce(`user:${id}`);
        await transaction.query('UPDATE users SET deleted_at = now(), updated_at = now() WHERE id = $1', [
          id,
        ]);
        await endCredentials(transaction, id);
        await this.audit.record(transaction, {
          ...actor,
          tenantId: user.tenantId,
          action: 'user.delete',
          outcome: 'ok',
          object: { kind: 'user', id },
          detail: { email: user.email },
        });
      }),
    );
  }
}

/** @throws Problem `own-account` (409) */
function refuseOnOneself({ role, disabled, password }: ChangeUserDto): void {
  if (role !== undefined || disabled === true) {
    throw ownAccount('Ask another admin to change your role or to disable you.');
  }
  // Whoever found a session open must not come to own the account.
  if (password !== undefined) {
    throw ownAccount('Use POST /api/v1/auth/password, which asks for the current one.');
  }
}

/** @throws Problem `forbidden` (403) for users of an identity provider: a password would be a way past it */
async function requireHasPassword(transaction: EntityManager, id: string): Promise<void> {
  const rows = await transaction.query<unknown[]>(
    'SELECT id FROM users WHERE id = $1 AND password_hash IS NOT NULL',
    [id],
  );
  if (rows.length === 0) throw forbidden('This user logs in at its identity provider.');
}

/** @throws Problem `forbidden` (403) for another's tenant, unless an operator asks */
function tenantOf(tenant: string | undefined, caller: UserPrincipal): string {
  if (tenant === undefined || tenant === caller.tenantId) return caller.tenantId;
  if (caller.role !== 'operator') throw forbidden('Only operators name a tenant.');
  return tenant;
}
