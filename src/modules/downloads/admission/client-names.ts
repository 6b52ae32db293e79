import { hash } from 'node:crypto';
import type { ClientNames } from './admission.js';
import { randomText } from './random-text.js';

/** 128 random bits (RULES 1.3), by which a client is recognised that sends cookies back. */
export const CLIENT_COOKIE = 'dl';

const COOKIE = /(?:^|;)[ \t]*dl=([A-Za-z0-9_-]{22})(?=[ \t]*(?:;|$))/;

/** How long a client may come back to what it has begun, seconds. */
const LIFE = 86_400;

export interface ClientFacts {
  readonly subject: string;
  readonly address: string;
  readonly userAgent: string;
  /** The `Cookie` header as it came. */
  readonly cookies: string | undefined;
}

/** The names of a client, and the cookie by which it will know the logical download that it may open now. */
export function clientNames({ subject, address, userAgent, cookies }: ClientFacts): {
  readonly names: ClientNames;
  readonly newCookie: string;
} {
  const cookie = cookies === undefined ? undefined : COOKIE.exec(cookies)?.[1];
  const newCookie = randomText();
  return {
    names: {
      address: nameOf(subject, `address\n${address}\n${userAgent}`),
      newCookie: nameOf(subject, newCookie),
      ...(cookie !== undefined && { cookie: nameOf(subject, cookie) }),
    },
    newCookie,
  };
}

/** RFC 6265. It goes back to that download only, and never to a script. */
export function clientCookie(value: string, fileId: string, secure: boolean): string {
  return (
    `${CLIENT_COOKIE}=${value}; Path=/download/${fileId}; Max-Age=${LIFE}; HttpOnly; SameSite=Lax` +
    (secure ? '; Secure' : '')
  );
}

/** 132 bits of SHA-256: what is kept tells neither a cookie nor an address. */
function nameOf(subject: string, text: string): string {
  return hash('sha256', `${subject}\n${text}`, 'base64url').slice(0, 22);
}
