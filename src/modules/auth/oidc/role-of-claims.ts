import type { OidcIssuer } from '../../../common/config/oidc-issuers.js';
import { type Role, ROLES } from '../principals/principal.js';
import { type Claims, claimAt } from './claim-at.js';

/** @returns the highest role that the claims are mapped to; undefined: the issuer's users need one, and this one has none */
export function roleOfClaims(
  claims: Claims,
  { roleClaim, roles, defaultRole }: Pick<OidcIssuer, 'roleClaim' | 'roles' | 'defaultRole'>,
): Role | undefined {
  const claim = roleClaim === undefined ? [] : claimAt(claims, roleClaim);
  const given: unknown[] = Array.isArray(claim) ? claim : [claim];
  const mapped = new Set(
    given.map((value) =>
      typeof value === 'string' && Object.hasOwn(roles, value) ? roles[value] : undefined,
    ),
  );
  // ROLES has the highest first.
  return ROLES.find((role) => mapped.has(role)) ?? defaultRole ?? undefined;
}
