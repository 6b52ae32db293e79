import { describe, expect, it } from 'vitest';
import type { Principal, Role } from '../../src/modules/auth/index.js';
import {
  decide,
  type Decision,
  type FileAction,
  type FileFacts,
  givers,
  type GrantFacts,
  type MemberFacts,
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
const member = (userId: string, role: Role = 'user', grants: readonly GrantFacts[] = []): MemberFacts => ({
  userId,
  role,
  grants,
});
const grant = (facts: Partial<GrantFacts>): GrantFacts => ({
  userId: null,
  role: null,
  permission: 'download',
  expiresAt: null,
  giver: member('10'),
  ...facts,
});
const manage = (facts: Partial<GrantFacts>): GrantFacts => grant({ permission: 'manage', ...facts });

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

/** Givers of a grant on the owner's file, and what each may give (RULES 1.7). */
const GIVERS: readonly (readonly [string, MemberFacts, { download: boolean; manage: boolean }])[] = (() => {
  const all = { download: true, manage: true };
  const download = { download: true, manage: false };
  const none = { download: false, manage: false };
  const admin = member('31', 'admin');
  const formerAdmin = member('32');
  const managing = (facts: Partial<GrantFacts>): MemberFacts =>
    member('30', 'user', [manage({ userId: '30', ...facts })]);
  return [
    ['the owner', member('10'), all],
    ['an admin', admin, all],
    ['an operator', member('33', 'operator'), all],
    ['somebody without a right', member('30'), none],
    ['who was an admin', formerAdmin, none],
    ['who manages it, by the owner', managing({}), download],
    ['who manages it, by an admin', managing({ giver: admin }), download],
    ['who manages it for a while', managing({ expiresAt: FUTURE }), download],
    ['who manages it by its role', member('30', 'user', [manage({ role: 'user' })]), download],
    ['who managed it until now', managing({ expiresAt: NOW }), none],
    ['who manages it by who was an admin', managing({ giver: formerAdmin }), none],
    ['who manages it by somebody who only manages it', managing({ giver: managing({}) }), none],
    ['who may download it', member('30', 'user', [grant({ userId: '30' })]), none],
    ['to whom somebody else’s grant was counted', member('30', 'user', [manage({ userId: '34' })]), none],
    ['whose role has another grant', member('30', 'user', [manage({ role: 'admin' })]), none],
    ['an admin now who also managed it', member('30', 'admin', [manage({ expiresAt: PAST })]), all],
  ];
})();

describe('decide: givers', () => {
  it.each(GIVERS)('a grant by %s', (_name, giver, may) => {
    expect(decisions(MEMBER, file(), [grant({ userId: '11', giver })])).toEqual(
      may.download ? READER : HIDDEN,
    );
    expect(decisions(MEMBER, file(), [manage({ userId: '11', giver })])).toEqual(may.manage ? ALL : HIDDEN);
  });

  it('one that counts is enough', () => {
    const lapsed = grant({ userId: '11', giver: member('30') });
    expect(decisions(MEMBER, file(), [lapsed, grant({ role: 'user' })])).toEqual(READER);
    expect(decisions(MEMBER, file(), [manage({ role: 'user' }), lapsed])).toEqual(ALL);
  });

  it('who manages by a grant may not let others manage; the owner and admins may', () => {
    const administer = (caller: Principal, grants: GrantFacts[], facts: Partial<FileFacts> = {}) =>
      decide(caller, file(facts), grants, 'administer', NOW);
    expect(administer(MEMBER, [manage({ userId: '11' })])).toBe('forbidden');
    expect(administer(MEMBER, [manage({ userId: '11' })], { visibility: 'tenant' })).toBe('forbidden');
    expect(administer(MEMBER, [])).toBe('hidden');
    for (const caller of [OWNER, ADMIN, OPERATOR]) {
      expect(administer(caller, [])).toBe('allowed');
      expect(administer(caller, [], { expiresAt: PAST })).toBe('allowed');
      expect(administer(caller, [], { deletedAt: PAST })).toBe('gone');
    }
  });
});

describe('decide: every combination', () => {
  const FULL = 3;
  /** Name, principal, what it may at least do by itself, and the subjects of grants that it is. */
  const callers: [string, Principal, number, readonly string[]][] = [
    ['owner', OWNER, FULL, ['role user']],
    ['member', MEMBER, 0, ['member', 'role user']],
    ['admin', ADMIN, FULL, ['role admin']],
    ['operator', OPERATOR, FULL, []],
    ['foreign', FOREIGN, -1, []],
    ['foreign admin', FOREIGN_ADMIN, -1, []],
    ['foreign operator', FOREIGN_OPERATOR, -1, []],
    ['foreign, with the member’s id', user('11', 'user', '2'), -1, []],
    ['anonymous', ANONYMOUS, 0, []],
  ];
  const subjects: Record<string, Partial<GrantFacts>> = {
    member: { userId: '11' },
    'role user': { role: 'user' },
    'somebody else': { userId: '99' },
    'role admin': { role: 'admin' },
  };
  const states: [string, Partial<FileFacts>][] = [
    ['live', {}],
    ['ending', { expiresAt: FUTURE }],
    ['expired', { expiresAt: PAST }],
    ['deleted', { deletedAt: PAST }],
  ];
  const ends: [Date | null, boolean][] = [
    [null, true],
    [FUTURE, true],
    [PAST, false],
  ];
  const needs: Record<FileAction, number> = { read: 1, download: 1, manage: 2, administer: FULL };

  it.each(callers)('%s', (_name, caller, byItself, concerned) => {
    let combinations = 0;
    for (const visibility of ['private', 'tenant', 'public'] as const)
      for (const [state, facts] of states)
        for (const [subject, to] of Object.entries(subjects))
          for (const permission of ['download', 'manage'] as const)
            for (const [expiresAt, isLive] of ends)
              for (const [giverName, giver, may] of GIVERS)
                for (const action of ['read', 'download', 'manage', 'administer'] as const) {
                  const open = { private: 0, tenant: caller.kind === 'anonymous' ? 0 : 1, public: 1 }[
                    visibility
                  ];
                  const counts = concerned.includes(subject) && isLive && may[permission];
                  const level =
                    byItself < 0
                      ? 0
                      : Math.max(byItself, open, counts ? { download: 1, manage: 2 }[permission] : 0);
                  const gone =
                    state === 'deleted' || (state === 'expired' && (level < 2 || action === 'download'));
                  const expected =
                    level === 0 ? 'hidden' : gone ? 'gone' : level < needs[action] ? 'forbidden' : 'allowed';
                  const given = grant({ ...to, permission, expiresAt, giver });
                  expect(
                    decide(caller, file({ visibility, ...facts }), [given], action, NOW),
                    [visibility, state, subject, permission, String(expiresAt), giverName, action].join(', '),
                  ).toBe(expected);
                  combinations += 1;
                }
    expect(combinations).toBe(3 * 4 * 4 * 2 * 3 * GIVERS.length * 4);
  });
});

describe('givers', () => {
  const by = (giver: MemberFacts, more: Partial<GrantFacts> = {}): GrantFacts =>
    grant({ userId: '11', giver, ...more });
  const manager = (giver: MemberFacts): MemberFacts =>
    member('30', 'user', [manage({ userId: '30', giver }), manage({ role: 'user', giver })]);

  it.each<[string, Principal, GrantFacts[], string[]]>([
    ['the owner depends on nobody', OWNER, [by(member('31', 'admin'))], []],
    ['an admin depends on nobody', ADMIN, [by(member('31', 'admin'))], []],
    ['nor do the anonymous', ANONYMOUS, [by(member('31', 'admin'))], []],
    ['who has it from the owner depends on nobody else', MEMBER, [by(member('10'))], []],
    ['on an admin who gave it', MEMBER, [by(member('31', 'admin'))], ['31']],
    ['on each once', MEMBER, [by(member('31')), by(member('31'), { permission: 'manage' })], ['31']],
    ['on who manages it by the owner', MEMBER, [by(manager(member('10')))], ['30']],
    [
      'on who manages it, and on the admin by whom',
      MEMBER,
      [by(manager(member('31', 'admin')))],
      ['30', '31'],
    ],
    [
      'on an admin, and not on how that one managed it before',
      MEMBER,
      [by({ ...manager(member('31', 'admin')), role: 'admin' })],
      ['30'],
    ],
  ])('%s', (_name, caller, grants, expected) => {
    expect(givers(caller, file(), grants).toSorted()).toEqual(expected);
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
  const toMember = (expiresAt: Date | null, more: Partial<GrantFacts> = {}): GrantFacts =>
    grant({ userId: '11', expiresAt, ...more });
  /** Who manages the file until then. */
  const manager = (until: Date | null, giver = member('10')): MemberFacts =>
    member('30', 'user', [manage({ userId: '30', expiresAt: until, giver })]);

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
    [
      'a grant whose giver manages until sooner',
      MEMBER,
      file(),
      [toMember(at(5), { giver: manager(at(3)) })],
      at(3),
    ],
    [
      'a grant whose giver manages until later',
      MEMBER,
      file(),
      [toMember(at(5), { giver: manager(at(7)) })],
      at(5),
    ],
    [
      'a grant without an end, whose giver manages by two grants',
      MEMBER,
      file(),
      [
        toMember(null, {
          giver: member('30', 'user', [
            manage({ userId: '30', expiresAt: at(2) }),
            manage({ role: 'user', expiresAt: at(4) }),
          ]),
        }),
      ],
      at(4),
    ],
    [
      'a grant of a giver who manages no more beside one that ends',
      MEMBER,
      file(),
      [toMember(null, { giver: manager(PAST) }), toMember(at(6), { userId: null, role: 'user' })],
      at(6),
    ],
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
