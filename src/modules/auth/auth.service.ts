import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AuthConfig } from '../../common/config/config.js';
import { normaliseEmail } from './accounts/email.js';
import { UsersRepository } from './accounts/users.repository.js';
import type { AccessTokenDto, LoginDto } from './auth.dto.js';
import { wrongLogin } from './auth.problems.js';
import { PasswordHasher } from './passwords/password-hasher.js';
import type { UserPrincipal } from './principals/principal.js';
import { AccessTokens } from './sessions/access-tokens.js';
import { SessionStore } from './sessions/session-store.js';

/** Where a login comes from, kept with its session. */
export interface LoginOrigin {
  readonly ip: string;
  readonly userAgent: string;
}

@Injectable()
export class AuthService {
  constructor(
    private readonly config: AuthConfig,
    private readonly users: UsersRepository,
    private readonly passwords: PasswordHasher,
    private readonly sessions: SessionStore,
    private readonly tokens: AccessTokens,
  ) {}

  /** @throws Problem `unauthenticated` (401), the same and after the same work whatever is wrong */
  async login(login: LoginDto, origin: LoginOrigin): Promise<AccessTokenDto> {
    const user = await this.users.findActiveByEmail(normaliseEmail(login.email));
    const right =
      user === undefined
        ? await this.passwords.verifyNothing(login.password)
        : await this.passwords.verify(user.passwordHash, login.password);
    if (user === undefined || !right) throw wrongLogin();

    const sessionId = randomBytes(16).toString('base64url');
    await this.sessions.create(
      {
        id: sessionId,
        userId: user.id,
        userUid: user.uid,
        tenantId: user.tenantId,
        createdAt: new Date().toISOString(),
        ip: origin.ip,
        userAgent: origin.userAgent.slice(0, 256),
      },
      this.config.sessionTtl,
    );
    const accessToken = await this.tokens.sign({ userId: user.id, userUid: user.uid, sessionId });
    return { accessToken, tokenType: 'Bearer', expiresIn: this.config.jwtTtl };
  }

  /** Ends the caller's session: its access tokens are refused from the next request on, on every replica. */
  logout(user: UserPrincipal): Promise<void> {
    return this.sessions.end(user.sessionId);
  }
}
