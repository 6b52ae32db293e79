import { Injectable } from '@nestjs/common';
import { type Loaded, type Resting, VersionedCache, Versions } from '../../../common/revocation/index.js';
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
    return (await this.find(token, ip)).value;
  }

  /** As `resolve`, with the versions. */
  async find(token: string, ip: string): Promise<Resting<UserPrincipal>> {
    const claims = this.tokens.verify(token);
    const known = await this.cache.find(
      keyOf(claims),
      [`user:${claims.userId}`, `tenant:${claims.tenantId}`],
      () => this.load(claims, ip),
    );
    if (known === undefined) throw invalidCredentials('no such session, or no such user, or disabled');
    if (isOver(known.value)) throw invalidCredentials('the session is over');
    return { ...known, value: known.value.principal };
  }

  /** What is kept of the session of a token that holds; whether it still is so is for who compares the versions. @throws as `resolve` */
  recall(token: string): Resting<UserPrincipal> | undefined {
    const known = this.cache.recall(keyOf(this.tokens.verify(token)));
    if (known === undefined || isOver(known.value)) return undefined;
    return { subjects: known.subjects, versions: known.versions, value: known.value.principal };
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

function keyOf({ sessionId, userId, userUid, tenantId }: AccessClaims): string {
  return `${sessionId} ${userId} ${userUid} ${tenantId}`;
}

function isOver({ expiresAt }: KnownSession): boolean {
  return expiresAt <= Date.now();
}
