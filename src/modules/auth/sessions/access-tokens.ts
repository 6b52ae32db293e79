import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { LRUCache } from 'lru-cache';
import { AuthConfig } from '../../../common/config/config.js';
import { invalidCredentials } from '../auth.problems.js';
import { SigningKeys } from './signing-keys.js';

/** Who a token speaks for, and in which session. */
export interface AccessClaims {
  readonly userId: string;
  readonly userUid: string;
  readonly tenantId: string;
  readonly sessionId: string;
}

interface Verified {
  readonly claims: AccessClaims;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

const ISSUER = 'download-service';
const AUDIENCE = 'download-service:api';
/** RFC 9068 §2.1: tells an access token from every other JWT that the same key may sign. */
const TYPE = 'at+jwt';

/**
 * All that a header of ours has. Of what else it may have some must not be overlooked (`crit`, RFC 7515 §4.1.11), and keys that
 * come along (`jwk`, `jku`, `x5u`) are nobody's.
 */
const HEADER: readonly string[] = ['alg', 'typ', 'kid'];

/** Longer than any token of ours: a huge one is refused before it is decoded. */
const MAX_LENGTH = 2_048;

const MAX_CACHED = 20_000;

/** Access tokens: JWTs signed with HS256, short-lived and bound to a session. */
@Injectable()
export class AccessTokens {
  /** By the whole text of the token (RULES, CVE-2026-35039): a signature is worth nothing under other claims. */
  private readonly verified = new LRUCache<string, Verified>({ max: MAX_CACHED });

  constructor(
    private readonly jwt: JwtService,
    private readonly keys: SigningKeys,
    private readonly config: AuthConfig,
  ) {
    keys.onChange(() => {
      this.verified.clear();
    });
  }

  /** @param expiresAt end of the session: no token outlives it */
  sign(claims: AccessClaims, expiresAt: Date): { accessToken: string; expiresIn: number } {
    const { kid, secret } = this.keys.current();
    const left = Math.floor((expiresAt.getTime() - Date.now()) / 1_000);
    const expiresIn = Math.max(1, Math.min(this.config.jwtTtl, left));
    const accessToken = this.jwt.sign(
      { uid: claims.userUid, tid: claims.tenantId, sid: claims.sessionId },
      {
        secret,
        algorithm: 'HS256',
        header: { alg: 'HS256', typ: TYPE, kid },
        subject: claims.userId,
        issuer: ISSUER,
        audience: AUDIENCE,
        expiresIn,
      },
    );
    return { accessToken, expiresIn };
  }

  /** @throws Problem `unauthenticated` (401), whatever is wrong with the token */
  verify(token: string): AccessClaims {
    const known = this.verified.get(token);
    if (known !== undefined) {
      if (known.expiresAt > Date.now()) return known.claims;
      this.verified.delete(token);
    }
    const fresh = this.verifyAnew(token);
    this.verified.set(token, fresh);
    return fresh.claims;
  }

  private verifyAnew(token: string): Verified {
    if (token.length > MAX_LENGTH) throw invalidCredentials('token too long');
    const key = this.keys.find(kidOf(token) ?? '');
    if (key === undefined) throw invalidCredentials('signed with an unknown key');
    const { header, payload } = this.decode(token, key.secret);
    const { sub, uid, tid, sid, exp } = payload;
    if (!Number.isSafeInteger(exp)) throw invalidCredentials('a token without an end');
    if (
      header.typ !== TYPE ||
      Object.keys(header).some((name) => !HEADER.includes(name)) ||
      typeof sub !== 'string' ||
      typeof uid !== 'string' ||
      typeof tid !== 'string' ||
      typeof sid !== 'string'
    ) {
      throw invalidCredentials('not an access token');
    }
    // What is kept of a token ends with its key, too.
    const expiresAt = Math.min(Number(exp) * 1_000, key.notAfter?.getTime() ?? Infinity);
    return { claims: { userId: sub, userUid: uid, tenantId: tid, sessionId: sid }, expiresAt };
  }

  private decode(
    token: string,
    secret: string,
  ): { header: { typ?: string }; payload: Record<string, unknown> } {
    try {
      return this.jwt.verify(token, {
        secret,
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

/** From the header, which nothing vouches for yet. */
function kidOf(token: string): string | undefined {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString());
    return typeof header === 'object' && header !== null && 'kid' in header && typeof header.kid === 'string'
      ? header.kid
      : undefined;
  } catch {
    return undefined;
  }
}
