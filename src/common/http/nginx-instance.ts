import type { FastifyRequest } from 'fastify';

const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * Which nginx of ours sent the request, by its `X-Nginx-Instance`; undefined: none did. Believed only of a proxy in `TRUSTED_PROXIES`: of
 * others `request.ips` is their own address alone. Our nginx always sends `X-Forwarded-For`. A replica that follows no access log drops
 * the header (fastify-adapter.ts).
 */
export function nginxInstanceOf(request: FastifyRequest): string | undefined {
  const name = request.headers['x-nginx-instance'];
  const trusted = (request.ips?.length ?? 0) > 1;
  return trusted && typeof name === 'string' && NAME.test(name) ? name : undefined;
}
