/** RULES 1.5: `operator` runs the installation and is admin of its tenant; `admin` has its tenant; `user` itself. */
export const ROLES = ['operator', 'admin', 'user'] as const;
export type Role = (typeof ROLES)[number];

export interface UserPrincipal {
  readonly kind: 'user';
  readonly userId: string;
  readonly userUid: string;
  readonly tenantId: string;
  readonly role: Role;
  readonly email: string;
  readonly sessionId: string;
}

export interface AnonymousPrincipal {
  readonly kind: 'anonymous';
}

/** Who asks (RULES 1.1). */
export type Principal = UserPrincipal | AnonymousPrincipal;

export const ANONYMOUS: AnonymousPrincipal = Object.freeze({ kind: 'anonymous' });
