import type { FastifyRequest } from 'fastify';
import { ANONYMOUS, type Principal } from './principal.js';

const principals = new WeakMap<FastifyRequest, Principal>();

/** Set by `PrincipalGuard`, once per request. */
export function setPrincipal(request: FastifyRequest, principal: Principal): void {
  principals.set(request, principal);
}

export function principalOf(request: FastifyRequest): Principal {
  return principals.get(request) ?? ANONYMOUS;
}
