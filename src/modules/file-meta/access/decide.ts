import type { Principal, Role } from '../../auth/index.js';
import type { Visibility } from '../files/visibility.js';

/** What a caller wants to do with a file: see its metadata, get its bytes, change or remove it, let others manage it. */
export type FileAction = 'read' | 'download' | 'manage' | 'administer';

/** What a grant may give. */
export const GRANT_PERMISSIONS = ['download', 'manage'] as const;
export type GrantPermission = (typeof GRANT_PERMISSIONS)[number];

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
  readonly role: Role | null;
  readonly permission: GrantPermission;
  readonly expiresAt: Date | null;
  readonly giver: MemberFacts;
}

/** Somebody of the file's tenant, as the account is now: whether it can log in does not matter here (docs/adr/0013). */
export interface MemberFacts {
  readonly userId: string;
  readonly role: Role;
  /** The grants on the file that concern it; of a giver, those to manage it. */
  readonly grants: readonly GrantFacts[];
}

/**
 * `hidden`: as if the file did not exist; `gone`: the caller could see it and it is deleted or expired;
 * `forbidden`: the caller sees it and may not do this.
 */
export type Decision = 'allowed' | 'hidden' | 'gone' | 'forbidden';

/** How far rights on a file reach; each includes the ones before it. */
const REACHES = ['none', 'download', 'manage', 'administer'] as const;
type Reach = (typeof REACHES)[number];

const TO_DO = {
  read: 'download',
  download: 'download',
  manage: 'manage',
  administer: 'administer',
} as const satisfies Record<FileAction, Reach>;

/** RULES 1.7. */
const TO_GIVE = { download: 'manage', manage: 'administer' } as const satisfies Record<
  GrantPermission,
  FileAction
>;

/** What one has to be allowed to do with a file to give others, or to take from them, this permission. */
export function actionToGive(permission: GrantPermission): FileAction {
  return TO_GIVE[permission];
}

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
  if (isOver(file.expiresAt, now) && !(covers(reach, 'manage') && action !== 'download')) return 'gone';
  return covers(reach, TO_DO[action]) ? 'allowed' : 'forbidden';
}

function reachOf(caller: Principal, file: FileFacts, grants: readonly GrantFacts[], now: Date): Reach {
  switch (caller.kind) {
    case 'anonymous':
      return file.visibility === 'public' ? 'download' : 'none';
    case 'user':
      // Another tenant's file does not exist, not even a public one and not even for its admins (RULES 1.5).
      if (caller.tenantId !== file.tenantId) return 'none';
      return reachOfMember({ userId: caller.userId, role: caller.role, grants }, file, now);
  }
}

function reachOfMember(member: MemberFacts, file: FileFacts, now: Date): Reach {
  if (administers(member, file)) return 'administer';
  const given = member.grants.filter((grant) => concerns(grant, member) && counts(grant, file, now));
  if (given.some(({ permission }) => permission === 'manage')) return 'manage';
  return file.visibility !== 'private' || given.length > 0 ? 'download' : 'none';
}

function administers({ userId, role }: MemberFacts, file: FileFacts): boolean {
  return userId === file.ownerId || role === 'admin' || role === 'operator';
}

function concerns(grant: GrantFacts, { userId, role }: MemberFacts): boolean {
  return grant.userId === userId || grant.role === role;
}

/** A grant counts only while its giver may give it (RULES 1.7). Giving `manage` needs no grant, so a chain has two at most. */
function counts({ expiresAt, giver, permission }: GrantFacts, file: FileFacts, now: Date): boolean {
  return !isOver(expiresAt, now) && covers(reachOfMember(giver, file, now), TO_GIVE[permission]);
}

function covers(reach: Reach, needed: Reach): boolean {
  return REACHES.indexOf(reach) >= REACHES.indexOf(needed);
}

/**
 * Ids of the users on whose role it depends what `caller` may do with the file: the givers of its grants. Who administers the
 * file by its own right needs none, and an owner stays one.
 */
export function givers(caller: Principal, file: FileFacts, grants: readonly GrantFacts[]): string[] {
  if (caller.kind === 'anonymous') return [];
  const behind = ({ giver }: GrantFacts): string[] =>
    giver.userId === file.ownerId
      ? []
      : [giver.userId, ...(administers(giver, file) ? [] : giver.grants.flatMap(behind))];
  const { userId, role } = caller;
  return administers({ userId, role, grants }, file) ? [] : [...new Set(grants.flatMap(behind))];
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
  // What is allowed at the moment at which a right ends is allowed without it.
  const steps = endsOf(grants).filter((end) => !isOver(end, now));
  steps.sort((a, b) => a.getTime() - b.getTime());
  const last = steps.find((end) => reachOf(caller, file, grants, end) === 'none') ?? null;
  if (last === null || file.expiresAt === null) return last ?? file.expiresAt;
  return last < file.expiresAt ? last : file.expiresAt;
}

/** Of the grants, and of those by which they were given. */
function endsOf(grants: readonly GrantFacts[]): Date[] {
  return grants.flatMap(({ expiresAt, giver }) => [
    ...(expiresAt === null ? [] : [expiresAt]),
    ...endsOf(giver.grants),
  ]);
}

function isOver(end: Date | null, now: Date): boolean {
  return end !== null && end <= now;
}
