import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TUS_PATH, TUS_VERSION } from './tus-protocol.js';

/** What every answer of the routes is to be, problems of any kind included. */
@Injectable()
export class TusResponses {
  constructor({ httpAdapter }: HttpAdapterHost) {
    httpAdapter.getInstance<FastifyInstance>().addHook('onSend', (request, reply, _payload, done) => {
      if (request.routeOptions.url?.startsWith(TUS_PATH) === true) {
        void reply.header('Tus-Resumable', TUS_VERSION);
        if (isNotNow(request, reply)) void reply.status(423).header('Retry-After', '1');
      }
      done();
    });
  }
}

/**
 * tus-js-client takes every answer to HEAD but 2xx and 423 for the end of the upload, and begins anew with the first byte: also one that
 * says that PostgreSQL is away. nginx says the same of the application.
 */
function isNotNow({ method }: FastifyRequest, { statusCode }: FastifyReply): boolean {
  return method === 'HEAD' && (statusCode >= 500 || statusCode === 429);
}
