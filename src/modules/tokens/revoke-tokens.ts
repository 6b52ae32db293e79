import { Injectable, Logger } from '@nestjs/common';
import { Problem } from '../../common/problems/index.js';
import { keepRevocation, RevokingTransaction } from '../../common/revocation/index.js';
import { type Actor, AuditTrail, type UserPrincipal, UserTokens } from '../auth/index.js';
import { FileAccess } from '../file-meta/index.js';
import { CLAIM_LIFE, RedisTokenStore, type TokenIndex } from './redis-token-store.js';
import type { StoredToken } from './stored-token.js';
import { isTokenId } from './token-text.js';
import { tokenNotFound } from './tokens.problems.js';
import { TokensRepository } from './tokens.repository.js';

/** Ends tokens, and the downloads that they have paid for, from the next request on (RULES 3). */
@Injectable()
export class RevokeTokens {
  private readonly logger = new Logger(RevokeTokens.name);

  constructor(
    private readonly files: FileAccess,
    private readonly users: UserTokens,
    private readonly repository: TokensRepository,
    private readonly store: RedisTokenStore,
    private readonly revoking: RevokingTransaction,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * By who minted it, or who manages its file. Its end is kept until Redis would have forgotten it: a copy does not bring it back.
   * @throws Problem `token-not-found` (404)
   */
  async one(id: string, actor: Actor): Promise<void> {
    const token = isTokenId(id) ? await this.store.find(id) : undefined;
    if (token === undefined || !(await this.mayRevoke(token, actor.user))) throw tokenNotFound();
    await this.revoking.run(async (transaction) => {
      await keepRevocation(transaction, {
        kind: 'token',
        subject: id,
        expiresAt: new Date(token.expiresAt.getTime() + CLAIM_LIFE),
      });
      await this.audit.record(transaction, {
        ...actor,
        action: 'token.revoke',
        outcome: 'ok',
        object: { kind: 'token', id },
        detail: { fileId: token.fileId, mintedBy: token.minterId },
      });
      // Who answers for a download asks for it in the same trip: no version is needed. If it cannot be removed, nothing is committed.
      await this.store.remove(token);
    });
    await this.removeAgain(token);
  }

  /** All that were minted for the file so far. @throws Problem of `FileAccess.open` (403, 404, 410) */
  async ofFile(id: string, actor: Actor): Promise<void> {
    const { tenantId } = await this.files.open(id, actor.user, 'manage');
    const over = await this.revoking.run(async (transaction, announce) => {
      await this.repository.lockFile(transaction, tenantId, id);
      await announce(`file:${id}`);
      const epoch = await this.repository.endAllOfFile(transaction, tenantId, id);
      await this.audit.record(transaction, {
        ...actor,
        action: 'tokens.revoke',
        outcome: 'ok',
        object: { kind: 'file', id },
      });
      return epoch;
    });
    await this.forget({ of: 'file', id, epoch: over });
  }

  /** All that the user has minted so far. @throws Problem `forbidden` (403), `user-not-found` (404) */
  async ofUser(id: string, actor: Actor): Promise<void> {
    const over = await this.users.endAll(id, actor);
    await this.forget({ of: 'minter', id, epoch: over });
  }

  private async mayRevoke(token: StoredToken, user: UserPrincipal): Promise<boolean> {
    if (token.tenantId !== user.tenantId) return false;
    if (token.minterId === user.userId && token.minterUid === user.userUid) return true;
    try {
      await this.files.open(token.fileId, user, 'manage');
      return true;
    } catch (error) {
      // Hidden, gone or not the caller's to manage: then the token is none of its business either.
      if (error instanceof Problem && error.kind.status < 500) return false;
      throw error;
    }
  }

  /** A Redis that took over meanwhile may not have heard of the removal, and a replica have kept the token before the commit. */
  private async removeAgain(token: StoredToken): Promise<void> {
    await this.store.remove(token).catch((error: unknown) => {
      this.logger.warn(`Redis went away while a token was revoked: ${String(error)}`);
    });
  }

  /** They are void already: this only gives their room back. */
  private async forget(list: TokenIndex): Promise<void> {
    await this.store.forget(list).catch((error: unknown) => {
      this.logger.warn(`tokens that have ended are left for Redis to expire: ${String(error)}`);
    });
  }
}
