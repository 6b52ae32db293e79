import type { Principal, UserPrincipal } from '../../auth/index.js';
import type { Visibility } from '../files/visibility.js';

/** What a caller wants to do with a file: see its metadata, get its bytes, change or remove it. */
export type FileAction = 'read' | 'download' | 'manage';

export type GrantPermission = 'download' | 'manage';

/** The facts about a file on which a decision rests. */
export interface FileFacts {
  readonly tenantId: string;
  readonly ownerId: string;
  readonly visibility: Visibility;
  readonly expiresAt: Date | null;
  readonly deletedAt: Date | null;
}

/** A grant on that file; its subject is a user or a role. */
export interface GrantFacts {
  readonly userId: string | null;
  readonly role: string | null;
  readonly permission: GrantPermission;
  readonly expiresAt: Date | null;
}

/**
 * `hidden`: as if the file did not exist; `gone`: the caller could see it and it is deleted or expired;
 * `forbidden`: the caller sees it and may not do this.
 */
export type Decision = 'allowed' | 'hidden' | 'gone' | 'forbidden';

/** How far a caller's rights on a file reach; each includes the ones before it. */
type Reach = 'none' | 'download' | 'manage';

/**
 * Whether `caller` may do `action` with `file` at `now`. Pure: services load the facts and act on the answer.
 * An expired file can still be seen and changed by those who manage it: they may give it a longer life.
 */
export function decide(
  caller: Principal,
  file: FileFacts,
  grants: readonly GrantFacts[],
  action: FileAction,
  now: Date,
): Decision {
  const reach = reachOf(caller, file, grants, now);
  if (reach === 'none') return 'hidden';
  if (file.deletedAt !== null) return 'gone';
  if (isOver(file.expiresAt, now) && !(reach === 'manage' && action !== 'download')) return 'gone';
  return action === 'manage' && reach !== 'manage' ? 'forbidden' : 'allowed';
}

function reachOf(caller: Principal, file: FileFacts, grants: readonly GrantFacts[], now: Date): Reach {
  switch (caller.kind) {
    case 'anonymous':
      return file.visibility === 'public' ? 'download' : 'none';
    case 'user':
      // Another tenant's file does not exist, not even a public one and not even for its admins (RULES 1.5).
      return caller.tenantId === file.tenantId ? reachOfMember(caller, file, grants, now) : 'none';
  }
}

function reachOfMember(
  user: UserPrincipal,
  file: FileFacts,
  grants: readonly GrantFacts[],
  now: Date,
): Reach {
  if (user.userId === file.ownerId || user.role === 'admin' || user.role === 'operator') return 'manage';
  const given = grants.filter(
    (grant) => !isOver(grant.expiresAt, now) && (grant.userId === user.userId || grant.role === user.role),
  );
  if (given.some(({ permission }) => permission === 'manage')) return 'manage';
  return file.visibility !== 'private' || given.length > 0 ? 'download' : 'none';
}

/**
 * When `caller` may no longer download a file that it may download at `now`, if nothing is changed: what is made on the strength of
 * this right must not outlive it. Null: never.
 */
export function rightEnds(
  caller: Principal,
  file: FileFacts,
  grants: readonly GrantFacts[],
  now: Date,
): Date | null {
  const ends = grants.flatMap(({ expiresAt }) =>
    isOver(expiresAt, now) || expiresAt === null ? [] : [expiresAt],
  );
  // What is allowed at the moment at which a right ends is allowed without it.
  const steps = ends.toSorted((a, b) => a.getTime() - b.getTime());
  const last = steps.find((end) => reachOf(caller, file, grants, end) === 'none') ?? null;
  if (last === null || file.expiresAt === null) return last ?? file.expiresAt;
  return last < file.expiresAt ? last : file.expiresAt;
}

function isOver(end: Date | null, now: Date): boolean {
  return end !== null && end <= now;
}
