import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { UserLimits } from '../accounts/user-limits.js';
import type { Role } from '../principals/principal.js';

/** A user by the name that an identity provider has for it. */
export interface KnownIdentity {
  readonly userId: string;
  readonly userUid: string;
  readonly tenantId: string;
  /** Slug. */
  readonly tenant: string;
  readonly email: string;
  readonly role: Role;
  readonly limits: UserLimits;
  /** Neither disabled nor deleted, of a tenant that is not suspended. */
  readonly active: boolean;
  /** When the token was issued whose word on the role was the last one. */
  readonly claimsAt: Date;
}

interface Name {
  readonly issuer: string;
  readonly subject: string;
}

export interface NewIdentity extends Name {
  readonly tenantId: string;
  readonly email: string;
  readonly role: Role;
  readonly issuedAt: Date;
}

@Injectable()
export class IdentitiesRepository {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** From the primary (RULES 3.2). */
  async find({ issuer, subject }: Name): Promise<KnownIdentity | undefined> {
    const [identity] = await this.database.query<KnownIdentity[]>(
      `SELECT u.id AS "userId", u.uid AS "userUid", u.tenant_id AS "tenantId", t.slug AS tenant, u.email, u.role, u.limits,
              i.claims_at AS "claimsAt",
              u.disabled_at IS NULL AND u.deleted_at IS NULL AND t.suspended_at IS NULL AS active
       FROM user_identities i
       JOIN users u ON u.tenant_id = i.tenant_id AND u.id = i.user_id
       JOIN tenants t ON t.id = u.tenant_id
       WHERE i.issuer = $1 AND i.subject = $2`,
      [issuer, subject],
    );
    return identity;
  }

  /** @returns id of the tenant, unless there is none or it is suspended */
  async findActiveTenant(slug: string): Promise<string | undefined> {
    const [tenant] = await this.database.query<{ id: string }[]>(
      'SELECT id FROM tenants WHERE slug = $1 AND suspended_at IS NULL',
      [slug],
    );
    return tenant?.id;
  }

  /**
   * A user without a password, and its name at the provider.
   * @returns id of the user @throws what violates `users_email` or `user_identities_issuer_subject_key`
   */
  async insert(transaction: EntityManager, identity: NewIdentity): Promise<string> {
    const { tenantId, email, role, issuer, subject, issuedAt } = identity;
    const [user] = await transaction.query<{ id: string }[]>(
      'INSERT INTO users (tenant_id, email, role) VALUES ($1, $2, $3) RETURNING id',
      [tenantId, email, role],
    );
    if (user === undefined) throw new Error('INSERT … RETURNING gave no row');
    await transaction.query(
      `INSERT INTO user_identities (tenant_id, user_id, issuer, subject, claims_at) VALUES ($1, $2, $3, $4, $5)`,
      [tenantId, user.id, issuer, subject, issuedAt],
    );
    return user.id;
  }

  /** @returns false when a token that was not issued before this one has had its word already */
  async noteClaims(
    { issuer, subject, issuedAt }: Name & { readonly issuedAt: Date },
    manager: EntityManager = this.database.manager,
  ): Promise<boolean> {
    const [, count] = await manager.query<[unknown[], number]>(
      'UPDATE user_identities SET claims_at = $3 WHERE issuer = $1 AND subject = $2 AND claims_at < $3',
      [issuer, subject, issuedAt],
    );
    return count > 0;
  }
}
