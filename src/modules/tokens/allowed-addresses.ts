import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** An address as a number. */
interface Address {
  readonly family: 'ipv4' | 'ipv6';
  readonly value: bigint;
}

const BITS = { ipv4: 32, ipv6: 128 } as const;
/** Bits before the IPv4 address in an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2). */
const MAPPED_PREFIX = 96;
const MAPPED = 0xffffn;

/** The networks from which a token may be used. */
export class AllowedAddresses {
  /** One list each: in a common one `::/64` would take in all of IPv4, as mapped addresses. */
  private readonly networks = { ipv4: new BlockList(), ipv6: new BlockList() };

  /** @param blocks as `normaliseBlock` gives them */
  constructor(readonly blocks: readonly string[]) {
    for (const block of blocks) {
      const [network = '', prefix] = block.split('/');
      const family = isIPv4(network) ? 'ipv4' : 'ipv6';
      this.networks[family].addSubnet(network, prefix === undefined ? BITS[family] : Number(prefix), family);
    }
  }

  /** @param address of a client; `::ffff:10.0.0.1` is `10.0.0.1`, and a text that is no address is in no network */
  include(address: string): boolean {
    // A zone says on which of our interfaces it is.
    const known = parseAddress(address.replace(/%.*$/, ''));
    return known !== undefined && this.networks[known.family].check(textOf(known), known.family);
  }
}

/**
 * An address or a network in CIDR notation in its one form: RFC 5952, without bits behind the prefix, an IPv4-mapped one as IPv4, a
 * single address without a prefix. `10.1.2.3/8` is `10.0.0.0/8`.
 * @returns undefined for what is neither
 */
export function normaliseBlock(text: string): string | undefined {
  const [, written = '', length] = /^([^/%]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const address = parseAddress(written);
  if (address === undefined) return undefined;
  const { family, value } = address;
  const bits = BITS[family];
  // A mapped address is written with an IPv6 prefix.
  const before = family === 'ipv4' && written.includes(':') ? MAPPED_PREFIX : 0;
  const prefix = length === undefined ? bits : Number(length) - before;
  if (prefix < 0 || prefix > bits) return undefined;
  const host = BigInt(bits - prefix);
  const network = textOf({ family, value: (value >> host) << host });
  return prefix === bits ? network : `${network}/${prefix}`;
}

function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) {
    return { family: 'ipv4', value: text.split('.').reduce((sum, byte) => sum * 256n + BigInt(byte), 0n) };
  }
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const [head = '', tail] = canonicalIPv6(text).split('::');
  const groupsOf = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [first, last] = [groupsOf(head), groupsOf(tail ?? '')];
  const groups = [...first, ...Array<string>(8 - first.length - last.length).fill('0'), ...last];
  const value = groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
  return value >> 32n === MAPPED
    ? { family: 'ipv4', value: value & 0xffff_ffffn }
    : { family: 'ipv6', value };
}

function textOf({ family, value }: Address): string {
  const parts = (count: number, size: number): bigint[] =>
    Array.from({ length: count }, (_, at) => BigInt.asUintN(size, value >> BigInt((count - 1 - at) * size)));
  return family === 'ipv4'
    ? parts(4, 8).join('.')
    : canonicalIPv6(
        parts(8, 16)
          .map((group) => group.toString(16))
          .join(':'),
      );
}

/** As the URL standard writes it, which is RFC 5952 with a dotted tail in hexadecimal. */
function canonicalIPv6(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
