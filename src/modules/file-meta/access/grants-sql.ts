import type { GrantFacts, MemberFacts } from './decide.js';

const members = (g: string): string =>
  `'userId', ${g}.user_id::text, 'role', ${g}.role, 'permission', ${g}.permission, 'expiresAt', ${g}.expires_at`;

/**
 * The grants on `files f` that concern the user $3 of the role $4, as JSON: with their givers, and the grants by which those
 * manage the file, with their givers.
 */
export const GRANTS_OF_CALLER = `
  (SELECT json_agg(json_build_object(${members('g')}, 'giver', json_build_object(
     'userId', u.id::text, 'role', u.role, 'grants', (
       SELECT coalesce(json_agg(json_build_object(${members('m')}, 'giver', json_build_object(
                'userId', mu.id::text, 'role', mu.role, 'grants', '[]'::json))), '[]')
       FROM file_grants m JOIN users mu ON mu.tenant_id = m.tenant_id AND mu.id = m.granted_by
       WHERE m.tenant_id = g.tenant_id AND m.file_id = g.file_id AND m.permission = 'manage'
         AND (m.user_id = u.id OR m.role = u.role)))))
   FROM file_grants g JOIN users u ON u.tenant_id = g.tenant_id AND u.id = g.granted_by
   WHERE g.tenant_id = f.tenant_id AND g.file_id = f.id AND (g.user_id = $3 OR g.role = $4))`;

/** Whether the giver of `file_grants g` on `files f` may give it now. */
export const GIVEN_BY_RIGHT = `(
  g.granted_by = f.owner_id
  OR EXISTS (
    SELECT FROM users u WHERE u.tenant_id = g.tenant_id AND u.id = g.granted_by AND (
      u.role IN ('admin', 'operator')
      OR (g.permission = 'download' AND EXISTS (
        SELECT FROM file_grants m JOIN users mu ON mu.tenant_id = m.tenant_id AND mu.id = m.granted_by
        WHERE m.tenant_id = g.tenant_id AND m.file_id = g.file_id AND m.permission = 'manage'
          AND (m.user_id = u.id OR m.role = u.role) AND (m.expires_at IS NULL OR m.expires_at > now())
          AND (mu.id = f.owner_id OR mu.role IN ('admin', 'operator')))))))`;

/** Whether that grant counts now: what `decide` asks of a grant, in SQL. A test compares the two. */
export const COUNTS = `((g.expires_at IS NULL OR g.expires_at > now()) AND ${GIVEN_BY_RIGHT})`;

/** A grant as JSON has it. */
export type GrantJson = Omit<GrantFacts, 'expiresAt' | 'giver'> & {
  readonly expiresAt: string | null;
  readonly giver: Omit<MemberFacts, 'grants'> & { readonly grants: readonly GrantJson[] };
};

/** @param grants null: PostgreSQL's word for none */
export function toGrants(grants: readonly GrantJson[] | null): GrantFacts[] {
  return (grants ?? []).map((grant) => ({
    ...grant,
    expiresAt: grant.expiresAt === null ? null : new Date(grant.expiresAt),
    giver: { ...grant.giver, grants: toGrants(grant.giver.grants) },
  }));
}
