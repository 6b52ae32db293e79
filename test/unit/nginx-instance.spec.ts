import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { nginxInstanceOf } from '../../src/common/http/index.js';

/** What the application believes of a request from `peer`. */
async function seen(peer: string, headers: Record<string, string>): Promise<string> {
  const fastify = Fastify({ trustProxy: ['10.0.0.0/8'] });
  fastify.get('/', (request) => nginxInstanceOf(request) ?? 'none');
  return (await fastify.inject({ url: '/', remoteAddress: peer, headers })).body;
}

const NGINX = { 'x-forwarded-for': '192.0.2.1', 'x-nginx-instance': 'nginx-1_A' };

describe('nginxInstanceOf', () => {
  it('is what a trusted proxy says', async () => {
    expect(await seen('10.1.2.3', NGINX)).toBe('nginx-1_A');
    expect(await seen('::ffff:10.1.2.3', NGINX)).toBe('nginx-1_A');
  });

  it.each([
    ['another peer', '192.0.2.9', NGINX],
    ['a trusted peer that forwards for nobody', '10.1.2.3', { 'x-nginx-instance': 'a' }],
    ['no name', '10.1.2.3', { ...NGINX, 'x-nginx-instance': '' }],
    ['a name of 65', '10.1.2.3', { ...NGINX, 'x-nginx-instance': 'a'.repeat(65) }],
    ['a name with a space', '10.1.2.3', { ...NGINX, 'x-nginx-instance': 'a b' }],
    ['two names', '10.1.2.3', { ...NGINX, 'x-nginx-instance': 'a, b' }],
    ['another alphabet', '10.1.2.3', { ...NGINX, 'x-nginx-instance': 'é' }],
  ])('is nothing of %s', async (_, peer, headers) => {
    expect(await seen(peer, headers)).toBe('none');
  });

  it('is the longest name of the form', async () => {
    expect(await seen('10.1.2.3', { ...NGINX, 'x-nginx-instance': 'a'.repeat(64) })).toBe('a'.repeat(64));
  });
});
