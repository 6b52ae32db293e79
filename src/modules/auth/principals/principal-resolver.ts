import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { invalidCredentials } from '../auth.problems.js';
import { UsersRepository } from '../accounts/users.repository.js';
import { AccessTokens } from '../sessions/access-tokens.js';
import { SessionStore } from '../sessions/session-store.js';
import { ANONYMOUS, type Principal } from './principal.js';

/** RFC 6750 §2.1; the scheme is case-insensitive (RFC 9110 §11.1). */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

@Injectable()
export class PrincipalResolver {
  constructor(
    private readonly tokens: AccessTokens,
    private readonly sessions: SessionStore,
    private readonly users: UsersRepository,
  ) {}

  /**
   * The principal behind the credentials of a request; without credentials the anonymous one.
   * @throws Problem `unauthenticated` (401) for credentials that do not hold: they never fall back to anonymous
   */
  async resolve(headers: IncomingHttpHeaders): Promise<Principal> {
    if (headers['x-api-key'] !== undefined) throw invalidCredentials('there are no API keys yet');
    const authorization = headers.authorization;
    if (authorization === undefined) return ANONYMOUS;
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) throw invalidCredentials('not a bearer token');

    const claims = await this.tokens.verify(token);
    const session = await this.sessions.find(claims.sessionId);
    if (session?.userId !== claims.userId || session.userUid !== claims.userUid) {
      throw invalidCredentials('no such session');
    }
    const user = await this.users.findActive(claims.userId, claims.userUid);
    if (user === undefined) throw invalidCredentials('no such user, or disabled');
    return {
      kind: 'user',
      userId: user.id,
      userUid: user.uid,
      tenantId: user.tenantId,
      role: user.role,
      email: user.email,
      sessionId: claims.sessionId,
    };
  }
}
