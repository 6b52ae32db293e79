import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AuthConfig } from '../../../common/config/config.js';
import { keepRevocation, RevokingTransaction } from '../../../common/revocation/index.js';
import { sessionNotFound } from '../auth.problems.js';
import { Turns } from '../accounts/turns.js';
import { type ActiveUser, lockUser, UsersRepository } from '../accounts/users.repository.js';
import type { AuditAction, AuditedUser } from '../audit/audit-event.js';
import { AuditTrail } from '../audit/audit-trail.js';
import type { Actor, Origin } from '../principals/actor.js';
import { type Session, SessionStore, type UsedSession } from './session-store.js';

@Injectable()
export class SessionsService {
  constructor(
    private readonly config: AuthConfig,
    private readonly store: SessionStore,
    private readonly users: UsersRepository,
    private readonly revoking: RevokingTransaction,
    private readonly turns: Turns,
    private readonly audit: AuditTrail,
  ) {}

  async open(user: ActiveUser, { ip, userAgent }: Origin): Promise<Session> {
    const now = Date.now();
    const session: Session = {
      id: randomBytes(16).toString('base64url'),
      userId: user.id,
      userUid: user.uid,
      tenantId: user.tenantId,
      epoch: user.epoch,
      createdAt: new Date(now).toISOString(),
      expiresAt: new Date(now + this.config.sessionTtl * 1_000).toISOString(),
      ip,
      userAgent,
    };
    await this.store.create(session);
    return session;
  }

  /** Those of the caller that hold, newest first. */
  async list({ user }: Actor): Promise<UsedSession[]> {
    const active = await this.users.findActive(user.userId, user.userUid);
    const sessions = await this.store.list(user.userId);
    const own = sessions.filter(({ userUid, epoch }) => userUid === user.userUid && epoch === active?.epoch);
    // A Redis that was restored from a copy may have brought some back.
    const ended = await this.users.endedSessions(own.map(({ id }) => id));
    return own.filter(({ id }) => !ended.has(id));
  }

  /** @throws Problem `session-not-found` (404) */
  async endOne(id: string, actor: Actor): Promise<void> {
    const session = await this.store.find(id);
    const { userId, userUid } = actor.user;
    if (session?.userId !== userId || session.userUid !== userUid) throw sessionNotFound();
    if ((await this.users.findActiveBySession(userId, userUid, session)) === undefined)
      throw sessionNotFound();
    await this.end(session, actor.user, actor, 'session.end');
  }

  /** Ends every session of the caller, this one included. */
  async endAll(actor: Actor): Promise<void> {
    const { userId, tenantId } = actor.user;
    await this.turns.take(userId, () =>
      this.revoking.run(async (transaction, announce) => {
        await lockUser(transaction, tenantId, userId);
        await announce(`user:${userId}`);
        await transaction.query('UPDATE users SET auth_epoch = auth_epoch + 1 WHERE id = $1', [userId]);
        await this.audit.record(transaction, {
          ...actor,
          action: 'sessions.end',
          outcome: 'ok',
          object: { kind: 'user', id: userId },
        });
      }),
    );
    const sessions = await this.store.list(userId);
    await this.store.remove(
      userId,
      sessions.map(({ id }) => id),
    );
  }

  /**
   * The end is kept in PostgreSQL until the session would have ended by itself: a Redis that has lost its removal does not bring it
   * back.
   */
  async end(
    session: Session,
    user: AuditedUser,
    origin: Origin,
    action: Extract<AuditAction, 'logout' | 'session.end' | 'refresh-token.reuse'>,
  ): Promise<void> {
    const { id, userId, tenantId, expiresAt } = session;
    await this.turns.take(userId, () =>
      this.revoking.run(async (transaction, announce) => {
        await lockUser(transaction, tenantId, userId);
        await announce(`user:${userId}`);
        await keepRevocation(transaction, { kind: 'session', subject: id, expiresAt: new Date(expiresAt) });
        await this.audit.record(transaction, {
          ip: origin.ip,
          requestId: origin.requestId,
          user,
          action,
          outcome: action === 'refresh-token.reuse' ? 'refused' : 'ok',
          object: { kind: 'user', id: userId },
        });
      }),
    );
    await this.store.remove(userId, [id]);
  }
}
