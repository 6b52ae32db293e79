import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import type { Role, UserPrincipal } from '../principals/principal.js';
import { User } from './user.entity.js';
import type { UserLimits } from './user-limits.js';

/** A user that may act now: neither disabled nor deleted, of a tenant that is not suspended. */
export interface ActiveUser {
  readonly id: string;
  readonly uid: string;
  readonly tenantId: string;
  readonly email: string;
  readonly role: Role;
  readonly limits: UserLimits;
  /** Sessions of an earlier epoch have ended. */
  readonly epoch: number;
}

export interface UserWithPassword extends ActiveUser {
  /** Null for users that come from an identity provider. */
  readonly passwordHash: string | null;
}

const COLUMNS = `u.id, u.uid, u.tenant_id AS "tenantId", u.email, u.role, u.limits, u.auth_epoch AS epoch`;
const ACTIVE = `
  FROM users u JOIN tenants t ON t.id = u.tenant_id
  WHERE u.disabled_at IS NULL AND u.deleted_at IS NULL AND t.suspended_at IS NULL`;

/** Reads for the question who asks: always from the primary (RULES 3.2). */
@Injectable()
export class UsersRepository {
  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  /** @param email normalised */
  async findActiveByEmail(email: string): Promise<UserWithPassword | undefined> {
    const [user] = await this.users.query<UserWithPassword[]>(
      `SELECT ${COLUMNS}, u.password_hash AS "passwordHash" ${ACTIVE} AND u.email = $1`,
      [email],
    );
    return user;
  }

  async findActive(id: string, uid: string): Promise<UserWithPassword | undefined> {
    const [user] = await this.users.query<UserWithPassword[]>(
      `SELECT ${COLUMNS}, u.password_hash AS "passwordHash" ${ACTIVE} AND u.id = $1 AND u.uid = $2`,
      [id, uid],
    );
    return user;
  }

  /** The user of a session that nobody has ended. */
  async findActiveBySession(
    id: string,
    uid: string,
    session: { readonly id: string; readonly epoch: number },
  ): Promise<ActiveUser | undefined> {
    const [user] = await this.users.query<ActiveUser[]>(
      `SELECT ${COLUMNS} ${ACTIVE} AND u.id = $1 AND u.uid = $2 AND u.auth_epoch = $3
         AND NOT EXISTS (SELECT FROM revocations r WHERE r.kind = 'session' AND r.subject = $4)`,
      [id, uid, session.epoch, session.id],
    );
    return user;
  }

  /** Which of these sessions somebody has ended. */
  async endedSessions(ids: readonly string[]): Promise<Set<string>> {
    const rows = await this.users.query<{ subject: string }[]>(
      `SELECT subject FROM revocations WHERE kind = 'session' AND subject = ANY ($1)`,
      [ids],
    );
    return new Set(rows.map(({ subject }) => subject));
  }
}

/** Locks the row that stands for a user's rights: changes of it, of its sessions and of its keys come one by one. */
export async function lockUser(transaction: EntityManager, tenantId: string, id: string): Promise<boolean> {
  const rows = await transaction.query<unknown[]>(
    'SELECT id FROM users WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE',
    [tenantId, id],
  );
  return rows.length > 0;
}

/**
 * Whether the caller still is who it was. Its rights are those of the beginning of its request; by now it may have waited for
 * a lock, and what it makes must not outlive them. To be asked when the lock is held.
 */
export async function mayStillAct(transaction: EntityManager, user: UserPrincipal): Promise<boolean> {
  const session = user.credential.kind === 'session' ? user.credential : undefined;
  const rows = await transaction.query<unknown[]>(
    `SELECT u.id ${ACTIVE} AND u.id = $1 AND u.uid = $2 AND u.role = $3 AND ($4::integer IS NULL OR u.auth_epoch = $4)
       AND NOT EXISTS (SELECT FROM revocations r WHERE r.kind = 'session' AND r.subject = $5)`,
    [user.userId, user.userUid, user.role, session?.epoch ?? null, session?.id ?? null],
  );
  return rows.length > 0;
}
