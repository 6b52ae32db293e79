import type { Credential } from '../principals/principal.js';
import type { AuditAction, AuditEvent, AuditOutcome } from './audit-event.js';

/** An event as the row and the log line both have it. What is not known is left out. */
export interface AuditFacts {
  readonly tenantId?: string;
  readonly actorId?: string;
  readonly actorEmail?: string;
  readonly credential?: string;
  readonly action: AuditAction;
  readonly outcome: AuditOutcome;
  readonly objectKind?: string;
  readonly objectId?: string;
  readonly count: number;
  readonly ip?: string;
  readonly requestId?: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Behind a proxy that hands on what it was sent, an address is any text. */
const MAX_ADDRESS = 64;

export function factsOf({ user, object, ...event }: AuditEvent): AuditFacts {
  const tenantId = event.tenantId ?? user?.tenantId;
  return storable({
    ...(tenantId !== undefined && { tenantId }),
    ...(user && { actorId: user.userId, actorEmail: user.email }),
    ...(user?.credential && { credential: nameOf(user.credential) }),
    action: event.action,
    outcome: event.outcome,
    ...(object && { objectKind: object.kind, objectId: object.id }),
    count: event.count ?? 1,
    ...(event.ip !== undefined && { ip: event.ip.slice(0, MAX_ADDRESS) }),
    ...(event.requestId !== undefined && { requestId: event.requestId }),
    detail: event.detail ?? {},
  });
}

/** Which key or session or token it was, never what opens it. */
export function nameOf(credential: Credential): string {
  switch (credential.kind) {
    case 'session':
      return 'session';
    case 'api-key':
      return `api-key:${credential.id}`;
    case 'oidc':
      return 'oidc';
    case 'token':
      return `token:${credential.id}`;
  }
}

/** jsonb has neither lone surrogates nor NUL, and callers choose names: such a name must not make a change fail. */
function storable(facts: AuditFacts): AuditFacts {
  const text = JSON.stringify(facts, (_member, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '') : value,
  );
  return JSON.parse(text) as AuditFacts;
}
