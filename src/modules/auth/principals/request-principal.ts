import type { FastifyRequest } from 'fastify';
import { unauthenticated } from '../auth.problems.js';
import { ANONYMOUS, type Principal, type UserPrincipal } from './principal.js';

const principals = new WeakMap<FastifyRequest, Principal>();

/** Set by `PrincipalGuard`, once per request. */
export function setPrincipal(request: FastifyRequest, principal: Principal): void {
  principals.set(request, principal);
}

export function principalOf(request: FastifyRequest): Principal {
  return principals.get(request) ?? ANONYMOUS;
}

/** @throws Problem `unauthenticated` (401) for anonymous callers */
export function userOf(request: FastifyRequest): UserPrincipal {
  const principal = principalOf(request);
  if (principal.kind !== 'user') throw unauthenticated();
  return principal;
}
