import { createHash, randomBytes } from 'node:crypto';

/** Letters and digits that survive being read aloud (RFC 4648 base32, lower case). */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const FORM = /^(dsk_[a-z2-7]{10})_[A-Za-z0-9_-]{43}$/;

export interface NewApiKey {
  /** Shown once; 256 random bits behind the prefix. */
  readonly text: string;
  /** By which people and secret scanners recognise it; not secret. */
  readonly prefix: string;
  readonly sha256: string;
}

export function newApiKey(): NewApiKey {
  const letters = Array.from(randomBytes(10), (byte) => ALPHABET[byte % ALPHABET.length]);
  const prefix = `dsk_${letters.join('')}`;
  const text = `${prefix}_${randomBytes(32).toString('base64url')}`;
  return { text, prefix, sha256: hashApiKey(text) };
}

/** @returns undefined for a text that is no key of ours */
export function prefixOf(text: string): string | undefined {
  return FORM.exec(text)?.[1];
}

/** Hex SHA-256. A fast hash is enough: nobody guesses 256 random bits. */
export function hashApiKey(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
