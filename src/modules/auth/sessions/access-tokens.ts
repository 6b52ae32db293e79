import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { AuthConfig } from '../../../common/config/config.js';
import { invalidCredentials } from '../auth.problems.js';

/** Who a token speaks for, and in which session. */
export interface AccessClaims {
  readonly userId: string;
  readonly userUid: string;
  readonly sessionId: string;
}

const ISSUER = 'download-service';
const AUDIENCE = 'download-service:api';
/** RFC 9068 §2.1: tells an access token from every other JWT that the same key may sign. */
const TYPE = 'at+jwt';

/** Longer than any token of ours: a huge one is refused before it is decoded. */
const MAX_LENGTH = 2_048;

/** Access tokens: JWTs signed with HS256, short-lived and bound to a session. */
@Injectable()
export class AccessTokens {
  constructor(
    private readonly jwt: JwtService,
    private readonly config: AuthConfig,
  ) {}

  sign(claims: AccessClaims): Promise<string> {
    return this.jwt.signAsync(
      { uid: claims.userUid, sid: claims.sessionId },
      {
        secret: this.config.jwtSecret,
        algorithm: 'HS256',
        header: { alg: 'HS256', typ: TYPE },
        subject: claims.userId,
        issuer: ISSUER,
        audience: AUDIENCE,
        expiresIn: this.config.jwtTtl,
      },
    );
  }

  /** @throws Problem `unauthenticated` (401), whatever is wrong with the token */
  async verify(token: string): Promise<AccessClaims> {
    if (token.length > MAX_LENGTH) throw invalidCredentials('token too long');
    const { header, payload } = await this.decode(token);
    const { sub, uid, sid, exp } = payload;
    if (typeof exp !== 'number') throw invalidCredentials('a token without an end');
    if (
      header.typ !== TYPE ||
      typeof sub !== 'string' ||
      typeof uid !== 'string' ||
      typeof sid !== 'string'
    ) {
      throw invalidCredentials('not an access token');
    }
    return { userId: sub, userUid: uid, sessionId: sid };
  }

  private async decode(
    token: string,
  ): Promise<{ header: { typ?: string }; payload: Record<string, unknown> }> {
    try {
      return await this.jwt.verifyAsync(token, {
        secret: this.config.jwtSecret,
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: AUDIENCE,
        complete: true,
      });
    } catch (cause) {
      throw invalidCredentials(cause);
    }
  }
}
