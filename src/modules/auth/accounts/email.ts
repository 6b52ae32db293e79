import { createHash } from 'node:crypto';
import { Transform } from 'class-transformer';

/**
 * The form in which an address is kept and compared: NFC, without surrounding space, lower case. Only the domain is
 * case-insensitive by RFC 5321 §2.4, but no provider tells `Ann@` from `ann@`, and two such accounts would be a trap.
 * Lower case comes first: `J̌` has no composed form, `ǰ` has.
 */
export function normaliseEmail(email: string): string {
  return email.normalize('NFC').trim().toLowerCase().normalize('NFC');
}

/** For keys in Redis, which must have a bounded length and need not tell the address. @param email normalised */
export function hashOfEmail(email: string): string {
  return createHash('sha256').update(email).digest('base64url').slice(0, 22);
}

/** For DTOs: the address is checked, and handed on, as it is kept: its length too may be another one then. */
export const NormalisedEmail = (): PropertyDecorator =>
  Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? normaliseEmail(value) : value));

/** Letters that nobody sees would make two addresses look like one. */
export const VISIBLE = /^[^\p{Cc}\p{Cf}\p{Z}]*$/u;
