import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { isUniqueViolation } from '../../../common/database/index.js';
import { RevokingTransaction } from '../../../common/revocation/index.js';
import { lockUser } from '../accounts/users.repository.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { identityNotAccepted } from '../auth.problems.js';
import type { Origin } from '../principals/actor.js';
import type { Role } from '../principals/principal.js';
import { addressOfIdentity } from './email-of-claims.js';
import { IdentitiesRepository, type KnownIdentity } from './identities.repository.js';
import type { OidcIdentity } from './oidc-tokens.js';

/** An identity whose provider gives it a role here. */
type Welcome = OidcIdentity & { readonly role: Role };

/** The accounts of people who come from an identity provider: made when they are first seen, with the role that it gives them. */
@Injectable()
export class OidcUsers {
  private readonly logger = new Logger(OidcUsers.name);

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly identities: IdentitiesRepository,
    private readonly revoking: RevokingTransaction,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * @returns the user as it is now; undefined when it may not act, or there is no such tenant
   * @throws Problem `identity-not-accepted` (403)
   */
  async open(identity: OidcIdentity, origin: Origin): Promise<KnownIdentity | undefined> {
    const { issuer, subject, tenant, role } = identity;
    const known = await this.identities.find(identity);
    // An identity stays where it was made: its files are that tenant's, whatever the configuration says now.
    if (known !== undefined && (!known.active || known.tenant !== tenant)) {
      if (known.active) this.logger.warn(`a user of ${issuer} belongs to another tenant than ${tenant}`);
      return undefined;
    }
    if (role === undefined) {
      throw identityNotAccepted('Your identity provider gives you no role here: ask your admin.', {
        issuer,
        subject,
        reason: 'none of its roles is mapped',
      });
    }
    const welcome = { ...identity, role };
    if (known === undefined) return this.create(welcome, origin);
    if (identity.issuedAt <= known.claimsAt) return known;
    if (role === known.role) await this.identities.noteClaims(identity);
    else await this.changeRole(known, welcome, origin);
    return this.identities.find(identity);
  }

  private async create(identity: Welcome, origin: Origin): Promise<KnownIdentity | undefined> {
    const { issuer, subject, tenant, role, issuedAt } = identity;
    const tenantId = await this.identities.findActiveTenant(tenant);
    if (tenantId === undefined) {
      this.logger.warn(`a user of ${issuer} is refused: there is no tenant ${tenant}, or it is suspended`);
      return undefined;
    }
    const email = identity.email ?? addressOfIdentity(issuer, subject);
    try {
      await this.database.transaction(async (transaction) => {
        const userId = await this.identities.insert(transaction, {
          ...{ tenantId, email, role, issuer, subject, issuedAt },
        });
        await this.audit.record(transaction, {
          ip: origin.ip,
          requestId: origin.requestId,
          user: { userId, tenantId, email, credential: { kind: 'oidc', issuer } },
          action: 'user.create',
          outcome: 'ok',
          object: { kind: 'user', id: userId },
          detail: { email, role, issuer },
        });
      });
    } catch (error) {
      const taken = isUniqueViolation(error, 'users_email');
      if (!taken && !isUniqueViolation(error, 'user_identities_issuer_subject_key')) throw error;
      // Another request was faster; or the address is somebody else's. Then nobody is linked by the address: whoever may name one at
      // a provider would get the other's files.
      const made = await this.identities.find(identity);
      if (made === undefined && taken) {
        throw identityNotAccepted('Another account has your e-mail address: ask your admin.', {
          issuer,
          subject,
          reason: 'another account has the address',
        });
      }
      return made?.active === true ? made : undefined;
    }
    return this.identities.find(identity);
  }

  /** The provider is the one who gives its users roles; the newest token tells. */
  private async changeRole(
    { userId, userUid, tenantId, email }: KnownIdentity,
    identity: Welcome,
    origin: Origin,
  ): Promise<void> {
    const { issuer, role } = identity;
    await this.revoking.run(async (transaction, announce) => {
      if (!(await lockUser(transaction, tenantId, userId))) return;
      if (!(await this.identities.noteClaims(identity, transaction))) return;
      await announce(`user:${userId}`);
      const [, changed] = await transaction.query<[unknown[], number]>(
        'UPDATE users SET role = $3, updated_at = now() WHERE id = $1 AND uid = $2 AND role <> $3',
        [userId, userUid, role],
      );
      if (changed === 0) return;
      await this.audit.record(transaction, {
        ip: origin.ip,
        requestId: origin.requestId,
        user: { userId, tenantId, email, credential: { kind: 'oidc', issuer } },
        action: 'user.change',
        outcome: 'ok',
        object: { kind: 'user', id: userId },
        detail: { role, issuer },
      });
    });
  }
}
