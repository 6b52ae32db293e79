import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
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

/** How the client of a request can be recognised, and the cookie by which it will be if this opens a logical download. */
export function clientNames({ subject, address, userAgent, cookies }: ClientFacts): ClientNames {
  return {
    address: addressName(`${subject}\n${address}\n${userAgent}`),
    cookie: cookies === undefined ? undefined : COOKIE.exec(cookies)?.[1],
    newCookie: randomText(),
  };
}

/** RFC 6265. It goes back to that download only, and never to a script. */
export function clientCookie(value: string, fileId: string, secure: boolean): string {
  return (
    `${CLIENT_COOKIE}=${value}; Path=/download/${fileId}; Max-Age=${LIFE}; HttpOnly; SameSite=Lax` +
    (secure ? '; Secure' : '')
  );
}

/** Of who has asked lately: a hash costs more than to look it up. */
const known = new LRUCache<string, string>({ max: 10_000 });

/** 132 bits of SHA-256: what is kept of a client tells no address. */
function addressName(text: string): string {
  const before = known.get(text);
  if (before !== undefined) return before;
  const name = hash('sha256', text, 'base64url').slice(0, 22);
  known.set(text, name);
  return name;
}
