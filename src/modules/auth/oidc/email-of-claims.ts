import { createHash } from 'node:crypto';
import { isEmail } from 'class-validator';
import { normaliseEmail, VISIBLE } from '../accounts/email.js';
import { type Claims, claimAt } from './claim-at.js';

/** The column's width. */
const MAX_LENGTH = 254;

/** @returns the address that the provider does not call unverified, as it is kept; undefined when there is none */
export function emailOfClaims(claims: Claims, emailClaim: string): string | undefined {
  const email = claimAt(claims, emailClaim);
  // Some providers write the boolean as a text.
  if (claims.email_verified === false || claims.email_verified === 'false') return undefined;
  if (typeof email !== 'string') return undefined;
  const normalised = normaliseEmail(email);
  const fits = isEmail(normalised) && VISIBLE.test(normalised) && normalised.length <= MAX_LENGTH;
  return fits ? normalised : undefined;
}

/**
 * For users whose provider tells no address, such as programs: the account needs one that is its own. `.invalid` is nobody's
 * (RFC 2606 §2), so nothing is ever sent there.
 */
export function addressOfIdentity(issuer: string, subject: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest('hex')
    .slice(0, 32);
  return `${hash}@oidc.invalid`;
}
