import { Injectable } from '@nestjs/common';
import { type Loaded, VersionedCache, Versions } from '../../../common/revocation/index.js';
import { invalidCredentials } from '../auth.problems.js';
import { UsersRepository } from '../accounts/users.repository.js';
import type { UserPrincipal } from '../principals/principal.js';
import { type AccessClaims, AccessTokens } from './access-tokens.js';
import { SessionStore } from './session-store.js';

interface KnownSession {
  readonly principal: UserPrincipal;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Users by their access tokens. */
@Injectable()
export class SessionPrincipals {
  private readonly cache: VersionedCache<KnownSession>;

  constructor(
    private readonly tokens: AccessTokens,
    private readonly sessions: SessionStore,
    private readonly users: UsersRepository,
    versions: Versions,
  ) {
    this.cache = new VersionedCache(versions);
  }

  /** @throws Problem `unauthenticated` (401) for a token that does not hold, or whose session or user does not */
  async resolve(token: string, ip: string): Promise<UserPrincipal> {
    const claims = this.tokens.verify(token);
    const { userId, userUid, tenantId, sessionId } = claims;
    const known = await this.cache.get(
      `${sessionId} ${userId} ${userUid} ${tenantId}`,
      [`user:${userId}`, `tenant:${tenantId}`],
      () => this.load(claims, ip),
    );
    if (known === undefined) throw invalidCredentials('no such session, or no such user, or disabled');
    if (known.expiresAt <= Date.now()) throw invalidCredentials('the session is over');
    return known.principal;
  }

  private async load(
    { sessionId, userId, userUid, tenantId }: AccessClaims,
    ip: string,
  ): Promise<Loaded<KnownSession> | undefined> {
    const session = await this.sessions.use(sessionId, ip);
    if (session?.userId !== userId || session.userUid !== userUid) return undefined;
    const user = await this.users.findActiveBySession(userId, userUid, session);
    if (user?.tenantId !== tenantId) return undefined;
    return {
      value: {
        principal: {
          kind: 'user',
          userId: user.id,
          userUid: user.uid,
          tenantId: user.tenantId,
          role: user.role,
          email: user.email,
          limits: user.limits,
          credential: { kind: 'session', id: sessionId, epoch: session.epoch },
        },
        expiresAt: Date.parse(session.expiresAt),
      },
      subjects: [`user:${user.id}`, `tenant:${user.tenantId}`],
    };
  }
}
