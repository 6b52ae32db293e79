import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { type ConditionalHeaders, conditionalHeaders } from './preconditions.js';

/** The conditional headers of the request, as they came. */
export const Conditions = createParamDecorator((_: unknown, context: ExecutionContext): ConditionalHeaders =>
  conditionalHeaders(context.switchToHttp().getRequest<FastifyRequest>().headers),
);
