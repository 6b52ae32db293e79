import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { conditionalHeaders } from '../../common/http/index.js';
import type { DeliveryRequest } from '../storage/index.js';

/** Browsers, curl and the usual libraries drop `Authorization` at another origin; these two keep it. */
const SENDS_CREDENTIALS_ON = /^(?:Wget|aria2)\//;

/** Range and conditions of the request, as they came. */
export const DeliveryConditions = createParamDecorator(
  (_: unknown, context: ExecutionContext): DeliveryRequest => {
    const { headers, method, raw } = context.switchToHttp().getRequest<FastifyRequest>();
    // RFC 9110 §14.2: Range means something with GET only. It is not a list header (§5.3): two of them say nothing, and
    // nginx would read the first alone.
    const sent = method === 'GET' ? (raw.headersDistinct.range?.length ?? 0) : 0;
    return {
      ...conditionalHeaders(headers),
      head: method === 'HEAD',
      range: sent === 1 ? headers.range : undefined,
      rangeIgnored: sent > 1,
      sendsCredentialsOn:
        headers.authorization !== undefined && SENDS_CREDENTIALS_ON.test(headers['user-agent'] ?? ''),
    };
  },
);
