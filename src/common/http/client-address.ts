import { isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';

/** Kept from the beginning of each request: a socket that is gone has no address. */
const addresses = new WeakMap<FastifyRequest, string>();

/** The caller's address as `TRUSTED_PROXIES` lets it be known; an IPv4 address in IPv6 clothes is that IPv4 address. */
export function clientAddress(request: FastifyRequest): string {
  const known = addresses.get(request);
  if (known !== undefined) return known;
  // Fastify's type does not tell that a closed socket has no address.
  const address = ((request.ip as string | undefined) ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
  addresses.set(request, address);
  return address;
}

/** What one subscriber usually has: an IPv4 address, or the /64 of an IPv6 address (RULES 1.2). */
export function addressBlock(address: string): string {
  const plain = address.replace(/%.*$/, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const last = tail === '' ? [] : tail.split(':');
    // A dotted tail stands for two groups.
    const length = last.length + (last.at(-1)?.includes('.') === true ? 1 : 0);
    groups.push(...Array<string>(Math.max(0, 8 - groups.length - length)).fill('0'), ...last);
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
