import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { clientAddress } from '../../../common/http/index.js';
import type { UserPrincipal } from './principal.js';
import { userOf } from './request-principal.js';

/** Where a request comes from, as the audit and sessions keep it. */
export interface Origin {
  readonly ip: string;
  readonly userAgent: string;
  readonly requestId: string;
}

/** Who does something, and from where. */
export interface Actor extends Origin {
  readonly user: UserPrincipal;
}

const MAX_USER_AGENT = 256;

export function originOf(request: FastifyRequest): Origin {
  return {
    ip: clientAddress(request),
    userAgent: (request.headers['user-agent'] ?? '').slice(0, MAX_USER_AGENT),
    requestId: request.id,
  };
}

export const RequestOrigin = createParamDecorator((_: unknown, context: ExecutionContext): Origin =>
  originOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** @throws Problem `unauthenticated` (401) */
export const Acting = createParamDecorator((_: unknown, context: ExecutionContext): Actor => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  return { ...originOf(request), user: userOf(request) };
});
