import { Injectable } from '@nestjs/common';
import { RevokingTransaction } from '../../../common/revocation/index.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { forbidden } from '../auth.problems.js';
import type { Actor } from '../principals/actor.js';
import { ManagedUsers } from './managed-users.js';
import { Turns } from './turns.js';

/** The download tokens of a user, all together: they hold while the user's `token_epoch` is the one they were minted under. */
@Injectable()
export class UserTokens {
  constructor(
    private readonly managed: ManagedUsers,
    private readonly revoking: RevokingTransaction,
    private readonly turns: Turns,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Ends all that the user has minted so far, from the next request on. Everybody ends their own; admins those of their tenant's
   * users, operators everybody's.
   * @returns the epoch that is over
   * @throws Problem `forbidden` (403), `user-not-found` (404)
   */
  async endAll(id: string, actor: Actor): Promise<number> {
    const { user } = actor;
    if (id !== user.userId && user.role === 'user') throw forbidden();
    return this.turns.take(user.userId, () =>
      this.revoking.run(async (transaction, announce) => {
        const { tenantId } = await this.managed.lock(transaction, id, actor);
        await announce(`user:${id}`);
        const [[row]] = await transaction.query<[{ over: number }[], number]>(
          'UPDATE users SET token_epoch = token_epoch + 1 WHERE id = $1 RETURNING token_epoch - 1 AS over',
          [id],
        );
        if (row === undefined) throw new Error('UPDATE … RETURNING gave no row');
        await this.audit.record(transaction, {
          ...actor,
          tenantId,
          action: 'tokens.revoke',
          outcome: 'ok',
          object: { kind: 'user', id },
        });
        return row.over;
      }),
    );
  }
}
