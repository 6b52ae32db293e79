import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { TUS_PATH, TUS_VERSION } from './tus-protocol.js';

/** Puts `Tus-Resumable` on every answer of the routes, on problems of any kind too. */
@Injectable()
export class TusResumable {
  constructor({ httpAdapter }: HttpAdapterHost) {
    httpAdapter.getInstance<FastifyInstance>().addHook('onSend', (request, reply, _payload, done) => {
      if (request.routeOptions.url?.startsWith(TUS_PATH) === true) {
        void reply.header('Tus-Resumable', TUS_VERSION);
      }
      done();
    });
  }
}
