import type { UserLimits } from '../accounts/user-limits.js';
import type { Permission } from './permissions.js';

/** RULES 1.5: `operator` runs the installation and is admin of its tenant; `admin` has its tenant; `user` itself. */
export const ROLES = ['operator', 'admin', 'user'] as const;
export type Role = (typeof ROLES)[number];

/** A login; it has all rights of its user (RULES 1.6). */
export interface SessionCredential {
  readonly kind: 'session';
  readonly id: string;
  /** `users.auth_epoch` at the login. */
  readonly epoch: number;
}

/** A key for programs; it has the rights of its user within its scopes. */
export interface ApiKeyCredential {
  readonly kind: 'api-key';
  readonly id: string;
  readonly scopes: ReadonlySet<Permission>;
  /** What it mints ends with it at the latest; null: it has no end. */
  readonly expiresAt: Date | null;
}

/** A token of a company's identity provider: it ends there, not here. */
export interface OidcCredential {
  readonly kind: 'oidc';
  readonly issuer: string;
}

/** A download token that the user has given away: whoever has it downloads its file by the user's right, and nothing else. */
export interface TokenCredential {
  readonly kind: 'token';
  readonly id: string;
}

export type Credential = SessionCredential | ApiKeyCredential | OidcCredential | TokenCredential;

export interface UserPrincipal {
  readonly kind: 'user';
  readonly userId: string;
  readonly userUid: string;
  readonly tenantId: string;
  readonly role: Role;
  readonly email: string;
  /** What differs from the installation's defaults. */
  readonly limits: UserLimits;
  readonly credential: Credential;
}

export interface AnonymousPrincipal {
  readonly kind: 'anonymous';
}

/** Who asks (RULES 1.1). */
export type Principal = UserPrincipal | AnonymousPrincipal;

export const ANONYMOUS: AnonymousPrincipal = Object.freeze({ kind: 'anonymous' });
