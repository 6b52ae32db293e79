import { describe, expect, it } from 'vitest';
import { claimAt } from '../../src/modules/auth/oidc/claim-at.js';
import { addressOfIdentity, emailOfClaims } from '../../src/modules/auth/oidc/email-of-claims.js';
import { roleOfClaims } from '../../src/modules/auth/oidc/role-of-claims.js';

describe('claimAt', () => {
  const claims = {
    roles: ['a'],
    'https://example.com/roles': ['b'],
    realm_access: { roles: ['c'] },
    resource_access: { 'my.client': { roles: ['d'] }, my: { other: ['e'] } },
    list: [{ x: 1 }],
  };
  it.each([
    ['roles', ['a']],
    ['https://example.com/roles', ['b']],
    ['realm_access.roles', ['c']],
    ['resource_access.my.client.roles', ['d']],
    ['resource_access.my.other', ['e']],
    ['realm_access', { roles: ['c'] }],
    ['realm_access.nothing', undefined],
    ['roles.0', undefined],
    ['list.0.x', undefined],
    ['nothing.at.all', undefined],
    ['__proto__', undefined],
    ['constructor.name', undefined],
    ['realm_access.__proto__.x', undefined],
    ['.', undefined],
    ['', undefined],
  ])('%s', (name, value) => {
    expect(claimAt(claims, name)).toEqual(value);
  });
});

describe('roleOfClaims', () => {
  const mapping = { roleClaim: 'groups', roles: { a: 'user', b: 'admin', c: 'operator' } } as const;
  it.each([
    [['a', 'b'], 'admin'],
    [['c', 'b'], 'operator'],
    ['b', 'admin'],
    ['a b', undefined],
    [{ b: true }, undefined],
    [['toString', 'hasOwnProperty'], undefined],
    [undefined, undefined],
  ])('%j: %s', (groups, role) => {
    expect(roleOfClaims({ groups }, { ...mapping, defaultRole: null })).toBe(role);
    expect(roleOfClaims({ groups }, { ...mapping, defaultRole: 'user' })).toBe(role ?? 'user');
  });

  it('without a mapping: the default', () => {
    expect(roleOfClaims({ groups: ['b'] }, { roles: {}, defaultRole: 'user' })).toBe('user');
  });
});

describe('emailOfClaims', () => {
  it.each<[Record<string, unknown>, string | undefined]>([
    [{ email: ' Ann@Example.COM ' }, 'ann@example.com'],
    [{ email: 'ann@example.com', email_verified: true }, 'ann@example.com'],
    [{ email: 'ann@example.com', email_verified: false }, undefined],
    [{ email: 'ann@example.com', email_verified: 'false' }, undefined],
    [{ email: 'ann' }, undefined],
    [{ email: `${'a'.repeat(300)}@example.com` }, undefined],
    [{ email: 'a\0b@example.com' }, undefined],
    [{ email: 7 }, undefined],
    [{}, undefined],
  ])('%j', (claims, email) => {
    expect(emailOfClaims(claims, 'email')).toBe(email);
  });

  it('an address of its own for who has none: always the same, and nobody else’s', () => {
    const address = addressOfIdentity('https://issuer.example', 'ann');
    expect(address).toMatch(/^[0-9a-f]{32}@oidc\.invalid$/);
    expect(addressOfIdentity('https://issuer.example', 'ann')).toBe(address);
    expect(addressOfIdentity('https://issuer.example/', 'ann')).not.toBe(address);
    expect(addressOfIdentity('https://issuer.example', 'anna')).not.toBe(address);
  });
});
