import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import type { Role, UserPrincipal } from '../principals/principal.js';
import { User } from './user.entity.js';

/** A user that may act now: neither disabled nor deleted, of a tenant that is not suspended. */
export interface ActiveUser {
  readonly id: string;
  readonly uid: string;
  readonly tenantId: string;
  readonly email: string;
  readonly role: Role;
  /** Sessions of an earlier epoch have ended. */
  readonly epoch: number;
}

export interface UserWithPassword extends ActiveUser {
  /** Null for users that come from an identity provider. */
  readonly passwordHash: string | null;
}

const COLUMNS = `u.id, u.uid, u.tenant_id AS "tenantId", u.email, u.role, u.auth_epoch AS epoch`;
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
 * Whether what the caller came in with still holds, and its role. Its rights are those of the beginning of its request; by now, when its
 * row is locked, it may have waited for those who took them away.
 */
export async function stillHolds(
  transaction: EntityManager,
  { userId, userUid, role, credential }: UserPrincipal,
): Promise<boolean> {
  const session = credential.kind === 'session' ? credential : undefined;
  const rows = await transaction.query<unknown[]>(
    `SELECT u.id ${ACTIVE} AND u.id = $1 AND u.uid = $2 AND u.role = $3 AND ($4::integer IS NULL OR u.auth_epoch = $4)
       AND NOT EXISTS (SELECT FROM revocations r WHERE r.kind = 'session' AND r.subject = $5)`,
    [userId, userUid, role, session?.epoch ?? null, session?.id ?? null],
  );
  return rows.length > 0;
}
