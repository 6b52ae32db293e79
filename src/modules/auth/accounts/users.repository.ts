import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import type { Role } from '../principals/principal.js';
import { User } from './user.entity.js';

/** A user that may act now: not disabled, of a tenant that is not suspended. */
export interface ActiveUser {
  readonly id: string;
  readonly uid: string;
  readonly tenantId: string;
  readonly email: string;
  readonly role: Role;
}

const ACTIVE = `
  SELECT u.id, u.uid, u.tenant_id AS "tenantId", u.email, u.role, u.password_hash AS "passwordHash"
  FROM users u JOIN tenants t ON t.id = u.tenant_id
  WHERE u.disabled_at IS NULL AND t.suspended_at IS NULL AND `;

@Injectable()
export class UsersRepository {
  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  /** @param email normalised */
  async findActiveByEmail(
    email: string,
  ): Promise<(ActiveUser & { readonly passwordHash: string }) | undefined> {
    const [user] = await this.users.query<(ActiveUser & { passwordHash: string })[]>(
      `${ACTIVE} u.email = $1`,
      [email],
    );
    return user;
  }

  async findActive(id: string, uid: string): Promise<ActiveUser | undefined> {
    const [user] = await this.users.query<ActiveUser[]>(`${ACTIVE} u.id = $1 AND u.uid = $2`, [id, uid]);
    return user;
  }
}
