import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { SigningKeys } from './signing-keys.js';

/** What a refresh token says: the session, and how often it has been rotated. */
export interface RefreshClaims {
  readonly sessionId: string;
  readonly generation: number;
}

const FORM = /^([A-Za-z0-9_-]{22})\.(\d{1,9})\.([A-Za-z0-9_-]{43})$/;

/**
 * `<session>.<generation>.<HMAC-SHA-256>`. Nothing of it is stored but the generation: whoever reads Redis cannot make one,
 * and two requests that rotate the same token at once get the same successor.
 */
@Injectable()
export class RefreshTokens {
  constructor(private readonly keys: SigningKeys) {}

  sign({ sessionId, generation }: RefreshClaims): string {
    const text = `${sessionId}.${generation}`;
    return `${text}.${mac(this.keys.current().secret, text)}`;
  }

  /** @returns undefined for a text that none of our keys has signed */
  verify(token: string): RefreshClaims | undefined {
    const [, sessionId = '', generation = '', given = ''] = FORM.exec(token) ?? [];
    if (sessionId === '') return undefined;
    // As a text: its last letter has spellings that mean the same bytes.
    const sent = Buffer.from(given);
    const text = `${sessionId}.${generation}`;
    const right = this.keys.usable().some(({ secret }) => {
      const expected = Buffer.from(mac(secret, text));
      return expected.length === sent.length && timingSafeEqual(expected, sent);
    });
    return right ? { sessionId, generation: Number(generation) } : undefined;
  }
}

/** The prefix keeps this use of the key apart from JWTs. */
function mac(secret: string, text: string): string {
  return createHmac('sha256', secret).update(`refresh-token ${text}`).digest('base64url');
}
