import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Principal, UserPrincipal } from './principal.js';
import { principalOf, userOf } from './request-principal.js';

/** The principal of the request, for routes that also serve anonymous callers. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Principal =>
  principalOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** The user of the request. @throws Problem `unauthenticated` (401) */
export const CallingUser = createParamDecorator((_: unknown, context: ExecutionContext): UserPrincipal =>
  userOf(context.switchToHttp().getRequest<FastifyRequest>()),
);
