import { createHash, randomBytes } from 'node:crypto';

const FORM = /^dlt_[A-Za-z0-9_-]{43}$/;
/** 132 bits of the hash: nobody finds another text that has them. */
const ID_LENGTH = 22;

export interface NewTokenText {
  /** Shown once; 256 random bits behind the prefix, by which secret scanners recognise it. */
  readonly text: string;
  /** Public: names the token in lists and in the audit, and opens nothing. */
  readonly id: string;
}

export function newTokenText(): NewTokenText {
  const text = `dlt_${randomBytes(32).toString('base64url')}`;
  return { text, id: idOf(text) };
}

/** @returns undefined for a text that is no token of ours */
export function tokenIdOf(text: string): string | undefined {
  return FORM.test(text) ? idOf(text) : undefined;
}

export function isTokenId(text: string): boolean {
  return /^[A-Za-z0-9_-]{22}$/.test(text);
}

/** The beginning of the SHA-256, base64url. A fast hash is enough: nobody guesses 256 random bits. */
function idOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, ID_LENGTH);
}
