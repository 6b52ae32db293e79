import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { clientAddress } from './client-address.js';
import { pathOf } from './path-of.js';

/** One line a request, when its response has ended or its client has gone. Never the query: it may hold a token. */
export function logRequests(fastify: FastifyInstance, logger: Logger): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    clientAddress(request);
    done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    if (!request.url.startsWith('/health/')) {
      logger.info(
        {
          requestId: request.id,
          method: request.method,
          path: pathOf(request.url),
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime * 10) / 10,
          ip: clientAddress(request),
        },
        'request',
      );
    }
    done();
  });
  fastify.addHook('onRequestAbort', (request, done) => {
    request.log.info(
      { method: request.method, path: pathOf(request.url), ip: clientAddress(request) },
      'client went away',
    );
    done();
  });
}
