import { describe, expect, it } from 'vitest';
import type { Principal, Role } from '../../src/modules/auth/index.js';
import {
  decide,
  type Decision,
  type FileAction,
  type FileFacts,
  type GrantFacts,
  rightEnds,
} from '../../src/modules/file-meta/access/decide.js';

const NOW = new Date('2026-11-21T10:00:00Z');
const PAST = new Date('2026-11-21T09:59:59Z');
const FUTURE = new Date('2026-11-21T10:00:01Z');

function user(userId: string, role: Role = 'user', tenantId = '1'): Principal {
  return {
    kind: 'user',
    userId,
    userUid: `uid-${userId}`,
    tenantId,
    role,
    email: 'x@example.com',
    limits: {},
    credential: { kind: 'session', id: 's', epoch: 0 },
  };
}
const OWNER = user('10');
const MEMBER = user('11');
const ADMIN = user('12', 'admin');
const OPERATOR = user('13', 'operator');
const FOREIGN = user('20', 'user', '2');
const FOREIGN_ADMIN = user('21', 'admin', '2');
const FOREIGN_OPERATOR = user('22', 'operator', '2');
const FOREIGN_SAME_ID = user('10', 'user', '2');
const ANONYMOUS: Principal = { kind: 'anonymous' };

const file = (facts: Partial<FileFacts> = {}): FileFacts => ({
  tenantId: '1',
  ownerId: '10',
  visibility: 'private',
  expiresAt: null,
  deletedAt: null,
  ...facts,
});
const grant = (facts: Partial<GrantFacts>): GrantFacts => ({
  userId: null,
  role: null,
  permission: 'download',
  expiresAt: null,
  ...facts,
});

/** Decisions on read, download, manage, in this order. */
function decisions(caller: Principal, facts: FileFacts, grants: readonly GrantFacts[] = []): Decision[] {
  return (['read', 'download', 'manage'] satisfies FileAction[]).map((action) =>
    decide(caller, facts, grants, action, NOW),
  );
}
const ALL: Decision[] = ['allowed', 'allowed', 'allowed'];
const READER: Decision[] = ['allowed', 'allowed', 'forbidden'];
const HIDDEN: Decision[] = ['hidden', 'hidden', 'hidden'];
const GONE: Decision[] = ['gone', 'gone', 'gone'];

describe('decide: caller × visibility', () => {
  it.each<[string, Principal, Decision[], Decision[], Decision[]]>([
    // caller, private, tenant, public
    ['owner', OWNER, ALL, ALL, ALL],
    ['member', MEMBER, HIDDEN, READER, READER],
    ['admin', ADMIN, ALL, ALL, ALL],
    ['operator', OPERATOR, ALL, ALL, ALL],
    ['foreign user', FOREIGN, HIDDEN, HIDDEN, HIDDEN],
    ['foreign user with the id of the owner', FOREIGN_SAME_ID, HIDDEN, HIDDEN, HIDDEN],
    ['foreign admin', FOREIGN_ADMIN, HIDDEN, HIDDEN, HIDDEN],
    ['foreign operator', FOREIGN_OPERATOR, HIDDEN, HIDDEN, HIDDEN],
    ['anonymous', ANONYMOUS, HIDDEN, HIDDEN, READER],
  ])('%s', (_name, caller, onPrivate, onTenant, onPublic) => {
    expect(decisions(caller, file({ visibility: 'private' }))).toEqual(onPrivate);
    expect(decisions(caller, file({ visibility: 'tenant' }))).toEqual(onTenant);
    expect(decisions(caller, file({ visibility: 'public' }))).toEqual(onPublic);
  });
});

describe('decide: grants on a private file', () => {
  it.each<[string, Principal, GrantFacts[], Decision[]]>([
    ['download to the user', MEMBER, [grant({ userId: '11' })], READER],
    ['manage to the user', MEMBER, [grant({ userId: '11', permission: 'manage' })], ALL],
    ['to another user', MEMBER, [grant({ userId: '14' })], HIDDEN],
    ['download to the role', MEMBER, [grant({ role: 'user' })], READER],
    ['to another role', MEMBER, [grant({ role: 'admin' })], HIDDEN],
    ['expired', MEMBER, [grant({ userId: '11', expiresAt: PAST })], HIDDEN],
    ['expiring this very moment', MEMBER, [grant({ userId: '11', expiresAt: NOW })], HIDDEN],
    ['not yet expired', MEMBER, [grant({ userId: '11', expiresAt: FUTURE })], READER],
    [
      'manage expired, download not',
      MEMBER,
      [grant({ userId: '11', permission: 'manage', expiresAt: PAST }), grant({ role: 'user' })],
      READER,
    ],
    ['of another tenant, to a user of that id', user('11', 'user', '2'), [grant({ userId: '11' })], HIDDEN],
    ['to nobody in particular, anonymous caller', ANONYMOUS, [grant({})], HIDDEN],
  ])('%s', (_name, caller, grants, expected) => {
    expect(decisions(caller, file(), grants)).toEqual(expected);
  });
});

describe('decide: state × caller', () => {
  const MANAGED_EXPIRED: Decision[] = ['allowed', 'gone', 'allowed'];
  it.each<[string, Partial<FileFacts>, Decision[], Decision[], Decision[], Decision[]]>([
    // state, owner, admin, member, foreign
    ['deleted', { deletedAt: PAST }, GONE, GONE, GONE, HIDDEN],
    ['expired', { expiresAt: PAST }, MANAGED_EXPIRED, MANAGED_EXPIRED, GONE, HIDDEN],
    ['expiring this very moment', { expiresAt: NOW }, MANAGED_EXPIRED, MANAGED_EXPIRED, GONE, HIDDEN],
    ['expired and deleted', { expiresAt: PAST, deletedAt: PAST }, GONE, GONE, GONE, HIDDEN],
    ['not yet expired', { expiresAt: FUTURE }, ALL, ALL, READER, HIDDEN],
  ])('%s file of the tenant', (_name, facts, owner, admin, member, foreign) => {
    const shared = file({ visibility: 'tenant', ...facts });
    expect(decisions(OWNER, shared)).toEqual(owner);
    expect(decisions(ADMIN, shared)).toEqual(admin);
    expect(decisions(MEMBER, shared)).toEqual(member);
    expect(decisions(FOREIGN, shared)).toEqual(foreign);
  });

  it('a deleted private file stays hidden from those who never saw it', () => {
    expect(decisions(MEMBER, file({ deletedAt: PAST }))).toEqual(HIDDEN);
    expect(decisions(ANONYMOUS, file({ deletedAt: PAST, visibility: 'public' }))).toEqual(GONE);
  });
});

describe('rightEnds', () => {
  const at = (minutes: number): Date => new Date(NOW.getTime() + minutes * 60_000);
  const file = (more: Partial<FileFacts> = {}): FileFacts => ({
    tenantId: '1',
    ownerId: '10',
    visibility: 'private',
    expiresAt: null,
    deletedAt: null,
    ...more,
  });
  const toMember = (expiresAt: Date | null, more: Partial<GrantFacts> = {}): GrantFacts => ({
    userId: '11',
    role: null,
    permission: 'download',
    expiresAt,
    ...more,
  });

  it.each<[string, Principal, FileFacts, GrantFacts[], Date | null]>([
    ['the owner, without an end', OWNER, file(), [], null],
    ['the owner, whatever is granted', OWNER, file(), [toMember(at(5))], null],
    ['an admin', ADMIN, file(), [toMember(at(5))], null],
    ['an operator', OPERATOR, file(), [], null],
    ['the owner of a file that ends', OWNER, file({ expiresAt: at(9) }), [], at(9)],
    ['a colleague, by visibility', MEMBER, file({ visibility: 'tenant' }), [toMember(at(5))], null],
    [
      'a colleague, by visibility of a file that ends',
      MEMBER,
      file({ visibility: 'public', expiresAt: at(2) }),
      [],
      at(2),
    ],
    ['a grant without an end', MEMBER, file(), [toMember(null)], null],
    ['a grant that ends', MEMBER, file(), [toMember(at(5))], at(5)],
    [
      'the last of several',
      MEMBER,
      file(),
      [toMember(at(5)), toMember(at(8), { userId: null, role: 'user' }), toMember(at(3))],
      at(8),
    ],
    [
      'one that ends beside one that does not',
      MEMBER,
      file(),
      [toMember(at(5)), toMember(null, { permission: 'manage' })],
      null,
    ],
    ['one that is over already', MEMBER, file(), [toMember(at(5)), toMember(PAST)], at(5)],
    ['a grant of somebody else', MEMBER, file(), [toMember(at(5)), toMember(at(9), { userId: '99' })], at(5)],
    ['a grant that ends after the file', MEMBER, file({ expiresAt: at(4) }), [toMember(at(5))], at(4)],
    ['a grant that ends before the file', MEMBER, file({ expiresAt: at(6) }), [toMember(at(5))], at(5)],
    ['anybody, of a public file', { kind: 'anonymous' }, file({ visibility: 'public' }), [], null],
  ])('%s', (_who, caller, facts, grants, end) => {
    expect(rightEnds(caller, facts, grants, NOW)).toEqual(end);
    expect(decide(caller, facts, grants, 'download', NOW)).toBe('allowed');
    if (end === null) return;
    expect(decide(caller, facts, grants, 'download', new Date(end.getTime() - 1))).toBe('allowed');
    expect(decide(caller, facts, grants, 'download', end)).not.toBe('allowed');
  });
});
