import type { Credential } from '../principals/principal.js';

/** What is written down. The names are stable: people search for them. */
export const AUDIT_ACTIONS = [
  'login',
  'logout',
  'refusal',
  'refresh-token.reuse',
  'session.end',
  'sessions.end',
  'password.change',
  'api-key.create',
  'api-key.revoke',
  'user.create',
  'user.change',
  'user.delete',
  'tenant.create',
  'tenant.change',
  'storage.credentials',
  'storage.sweep',
  'grant.create',
  'grant.revoke',
  'token.mint',
  'token.use',
  'token.revoke',
  'tokens.revoke',
  'download.end',
  'file.verify',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** `refused`: somebody was not allowed to; then nothing has changed. */
export const AUDIT_OUTCOMES = ['ok', 'refused'] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

export interface AuditedUser {
  readonly userId: string;
  readonly tenantId: string;
  readonly email: string;
  readonly credential?: Credential;
}

export interface AuditEvent {
  readonly action: AuditAction;
  readonly outcome: AuditOutcome;
  /** Who did it; undefined for callers that are not known. */
  readonly user?: AuditedUser | undefined;
  /** Whose tenant is told; without a word the user's. */
  readonly tenantId?: string | undefined;
  readonly object?: { readonly kind: string; readonly id: string } | undefined;
  readonly ip?: string | undefined;
  readonly requestId?: string | undefined;
  /** How often, for what is counted instead of written one by one. */
  readonly count?: number;
  /** Never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}
