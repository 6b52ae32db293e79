import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllowedAddresses, normaliseBlock } from '../../src/modules/tokens/allowed-addresses.js';

const include = (blocks: readonly string[], address: string): boolean =>
  new AllowedAddresses(blocks.map((block) => normaliseBlock(block) ?? '')).include(address);

describe('an address or a network in its one form', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['10.1.2.3/32', '10.1.2.3'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.1.2.255/25', '10.1.2.128/25'],
    ['255.255.255.255/1', '128.0.0.0/1'],
    ['1.2.3.4/0', '0.0.0.0/0'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::1/128', '2001:db8::1'],
    ['2001:db8:ffff::1/33', '2001:db8:8000::/33'],
    ['::/0', '::/0'],
    ['::1', '::1'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::FFFF:0a01:0203', '10.1.2.3'],
    ['0:0:0:0:0:ffff:10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3/128', '10.1.2.3'],
    ['::ffff:10.1.2.3/104', '10.0.0.0/8'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
    // IPv4-compatible and NAT64 addresses are IPv6 addresses of their own.
    ['::10.1.2.3', '::a01:203'],
    ['64:ff9b::10.1.2.3', '64:ff9b::a01:203'],
    ['fe80::1', 'fe80::1'],
  ])('%s is %s', (written, normal) => {
    expect(normaliseBlock(written)).toBe(normal);
    expect(normaliseBlock(normal)).toBe(normal);
  });

  it.each([
    '',
    ' ',
    '10.0.0.1 ',
    ' 10.0.0.1',
    '10.0.0.1\n',
    '10.0.0.1,10.0.0.2',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.0.1',
    '010.0.0.1',
    '0x7f.0.0.1',
    '2130706433',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/8.0',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/255.0.0.0',
    '10.0.0.0 /8',
    '10.0.0.*',
    '10.0.0.1-10.0.0.9',
    '10.0.0.1:80',
    '/8',
    '2001:db8::/129',
    '2001:db8::1::1',
    '2001:db8:::1',
    '2001:db8',
    '12345::',
    '[2001:db8::1]',
    'fe80::1%eth0',
    'fe80::%25/64',
    // Meant as an IPv4 network, and it would be an IPv6 network that no IPv4 address is in.
    '::ffff:10.0.0.0/8',
    '::ffff:10.0.0.0/95',
    'localhost',
    'any',
    '*',
    '１０.0.0.1',
  ])('%j is neither', (text) => {
    expect(normaliseBlock(text)).toBeUndefined();
  });

  it('no text makes it throw', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f:.%/]{0,40}$/)),
        (text) =>
          normaliseBlock(text) === undefined || normaliseBlock(normaliseBlock(text) ?? '') !== undefined,
      ),
    );
  });
});

describe('the networks from which a token may be used', () => {
  it.each([
    [['10.0.0.0/8'], '10.255.0.1', true],
    [['10.0.0.0/8'], '11.0.0.1', false],
    [['10.0.0.0/8'], '::ffff:10.255.0.1', true],
    [['10.0.0.0/8'], '::FFFF:0aff:1', true],
    [['10.0.0.0/8'], '::ffff:11.0.0.1', false],
    [['::ffff:10.0.0.0/104'], '10.255.0.1', true],
    [['::ffff:10.0.0.7'], '10.0.0.7', true],
    [['10.0.0.7'], '10.0.0.8', false],
    [['2001:db8::/32'], '2001:db8:ffff::1', true],
    [['2001:db8::/32'], '2001:0DB8:0000::1', true],
    [['2001:db8::/32'], '2001:db9::1', false],
    [['10.0.0.0/8', '2001:db8::/32'], '2001:db8::1', true],
    [['10.0.0.0/8', '2001:db8::/32'], '10.0.0.1', true],
    // Each family for itself.
    [['0.0.0.0/0'], '203.0.113.1', true],
    [['0.0.0.0/0'], '2001:db8::1', false],
    [['::/0'], '2001:db8::1', true],
    [['::/0'], '203.0.113.1', false],
    [['::/0'], '::ffff:203.0.113.1', false],
    [['::/64'], '203.0.113.1', false],
    [['0.0.0.0/0'], '::203.0.113.1', false],
    [['fe80::/10'], 'fe80::1%eth0', true],
    [['0.0.0.0/0', '::/0'], '', false],
    [['0.0.0.0/0', '::/0'], 'unknown', false],
    [['0.0.0.0/0', '::/0'], '10.0.0.1, 10.0.0.2', false],
    [['0.0.0.0/0', '::/0'], '999.0.0.1', false],
  ] as const)('%j and %s: %s', (blocks, address, expected) => {
    expect(include(blocks, address)).toBe(expected);
  });

  const bytes = fc.uint8Array({ minLength: 4, maxLength: 4 });
  const bitsOf = (address: Iterable<number>): string =>
    [...address].map((byte) => byte.toString(2).padStart(8, '0')).join('');

  it('is in a network exactly when it begins with the same bits, in either dress', () => {
    fc.assert(
      fc.property(bytes, bytes, fc.nat(32), (network, other, prefix) => {
        // Half of the addresses share a beginning with the network.
        const client = other.map((byte, at) => (at < prefix / 8 - 1 ? (network[at] ?? 0) : byte));
        const expected = bitsOf(network).slice(0, prefix) === bitsOf(client).slice(0, prefix);
        const plain = `${network.join('.')}/${prefix}`;
        const mapped = `::ffff:${network.join('.')}/${96 + prefix}`;
        for (const block of [plain, mapped]) {
          for (const address of [client.join('.'), `::ffff:${client.join('.')}`]) {
            expect(include([block], address), `${block} ${address}`).toBe(expected);
          }
        }
      }),
    );
  });

  const groups = fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((address) => address[0] !== 0);
  const ipv6 = (address: Uint8Array): string =>
    Array.from({ length: 8 }, (_, at) =>
      (((address[2 * at] ?? 0) << 8) | (address[2 * at + 1] ?? 0)).toString(16),
    ).join(':');

  it('the same for IPv6', () => {
    fc.assert(
      fc.property(groups, groups, fc.nat(128), (network, other, prefix) => {
        const client = other.map((byte, at) => (at < prefix / 8 - 1 ? (network[at] ?? 0) : byte));
        const expected = bitsOf(network).slice(0, prefix) === bitsOf(client).slice(0, prefix);
        expect(include([`${ipv6(network)}/${prefix}`], ipv6(client))).toBe(expected);
      }),
    );
  });
});
