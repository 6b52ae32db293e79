import { Injectable } from '@nestjs/common';
import { RevokingTransaction } from '../../../common/revocation/index.js';
import { endCredentials } from '../accounts/end-credentials.js';
import { lockUser, stillHolds, UsersRepository } from '../accounts/users.repository.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { invalidCredentials, wrongPassword } from '../auth.problems.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import type { Actor } from '../principals/actor.js';
import type { ChangePasswordDto } from './login.dto.js';

@Injectable()
export class PasswordsService {
  constructor(
    private readonly users: UsersRepository,
    private readonly passwords: PasswordHasher,
    private readonly revoking: RevokingTransaction,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Ends all sessions, keys and tokens of the caller (RULES 10.4).
   * @throws Problem `wrong-password` (403)
   */
  async change({ currentPassword, newPassword }: ChangePasswordDto, actor: Actor): Promise<void> {
    const { userId, userUid, tenantId } = actor.user;
    const user = await this.users.findActive(userId, userUid);
    if (user === undefined) throw invalidCredentials('no such user, or disabled');
    if (!(await this.passwords.verify(user.passwordHash, currentPassword))) throw wrongPassword();
    const newHash = await this.passwords.hash(newPassword);
    await this.revoking.run(async (transaction, announce) => {
      await lockUser(transaction, tenantId, userId);
      // The password that was looked at may be the one before by now.
      if (!(await stillHolds(transaction, actor.user))) throw invalidCredentials('ended meanwhile');
      await announce(`user:${userId}`);
      await transaction.query('UPDATE users SET password_hash = $2, updated_at = now() WHERE id = $1', [
        userId,
        newHash,
      ]);
      await endCredentials(transaction, userId);
      await this.audit.record(transaction, {
        ...actor,
        action: 'password.change',
        outcome: 'ok',
        object: { kind: 'user', id: userId },
      });
    });
  }
}
