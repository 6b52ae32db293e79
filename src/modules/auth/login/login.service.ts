import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { type ActiveUser, UsersRepository } from '../accounts/users.repository.js';
import type { AuditedUser } from '../audit/audit-event.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { inAudit } from '../audit/problems-in-audit.js';
import { CountedAudit } from '../audit/counted-audit.js';
import { invalidRefreshToken, wrongLogin } from '../auth.problems.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import type { Actor, Origin } from '../principals/actor.js';
import { AccessTokens } from '../sessions/access-tokens.js';
import { RefreshTokens } from '../sessions/refresh-tokens.js';
import { type Session, SessionStore } from '../sessions/session-store.js';
import { SessionsService } from '../sessions/sessions.service.js';
import type { LoginDto, TokensDto } from './login.dto.js';
import { loginDelay } from './login-delay.js';
import { RedisLoginFailures } from './redis-login-failures.js';

@Injectable()
export class LoginService {
  constructor(
    private readonly users: UsersRepository,
    private readonly passwords: PasswordHasher,
    private readonly failures: RedisLoginFailures,
    private readonly sessions: SessionsService,
    private readonly store: SessionStore,
    private readonly accessTokens: AccessTokens,
    private readonly refreshTokens: RefreshTokens,
    private readonly audit: AuditTrail,
    private readonly refusals: CountedAudit,
  ) {}

  /** @throws Problem `unauthenticated` (401), the same and after the same work whatever is wrong */
  async login({ email, password }: LoginDto, origin: Origin): Promise<TokensDto> {
    await sleep(loginDelay(await this.failures.count(email)));
    const user = await this.users.findActiveByEmail(email);
    const right = await this.passwords.verify(user?.passwordHash ?? null, password);
    if (user === undefined || !right) {
      await this.failures.add(email);
      this.refusals.wrongLogin(origin, user && audited(user));
      throw inAudit(wrongLogin());
    }
    await this.failures.forget(email);
    const session = await this.sessions.open(user, origin);
    try {
      const tokens = this.tokensOf(session, 0);
      await this.audit.note({
        ip: origin.ip,
        requestId: origin.requestId,
        user: audited(user),
        action: 'login',
        outcome: 'ok',
        object: { kind: 'user', id: user.id },
        detail: { userAgent: origin.userAgent },
      });
      return tokens;
    } catch (error) {
      // No login without its row; and nobody will ever have the tokens of this session.
      await this.store.remove(user.id, [session.id]);
      throw error;
    }
  }

  /**
   * New tokens of the same session. The refresh token that was sent is void then; a client that did not hear the answer may send
   * it again for some seconds. One that comes back later is stolen, or its successor is: the session ends.
   * @throws Problem `unauthenticated` (401)
   */
  async refresh(token: string, origin: Origin): Promise<TokensDto> {
    const claims = this.refreshTokens.verify(token);
    if (claims === undefined) throw invalidRefreshToken('not one of ours');
    const session = await this.store.find(claims.sessionId);
    if (session === undefined) throw invalidRefreshToken('no such session');
    const user = await this.users.findActiveBySession(session.userId, session.userUid, session);
    if (user === undefined) throw invalidRefreshToken('the session has ended, or the user may not log in');
    const rotation = await this.store.rotate(session.id, claims.generation);
    switch (rotation.outcome) {
      case 'rotated':
        await this.store.use(session.id, origin.ip);
        return this.tokensOf(session, rotation.generation);
      case 'gone':
        throw invalidRefreshToken('no such session');
      case 'reused':
        await this.sessions.end(session, audited(user), origin, 'refresh-token.reuse');
        throw inAudit(invalidRefreshToken('used again: the session has ended'));
    }
  }

  /** Ends the caller's session: its tokens are refused from the next request on, on every replica. */
  async logout(actor: Actor): Promise<void> {
    const { credential, userId } = actor.user;
    // What an identity provider has issued ends there.
    if (credential.kind !== 'session') return;
    const session = await this.store.find(credential.id);
    if (session?.userId === userId) await this.sessions.end(session, actor.user, actor, 'logout');
  }

  private tokensOf(session: Session, generation: number): TokensDto {
    const { id: sessionId, userId, userUid, tenantId } = session;
    const claims = { sessionId, userId, userUid, tenantId };
    return {
      ...this.accessTokens.sign(claims, new Date(session.expiresAt)),
      tokenType: 'Bearer',
      refreshToken: this.refreshTokens.sign({ sessionId, generation }),
    };
  }
}

function audited(user: ActiveUser): AuditedUser {
  return { userId: user.id, tenantId: user.tenantId, email: user.email };
}
