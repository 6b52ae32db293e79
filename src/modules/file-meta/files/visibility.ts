/** Who may read a file beside its owner, admins and those with a grant: nobody, its tenant, anyone. */
export const VISIBILITIES = ['private', 'tenant', 'public'] as const;
export type Visibility = (typeof VISIBILITIES)[number];
