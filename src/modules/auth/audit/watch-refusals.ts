import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problemOf } from '../../../common/problems/index.js';
import { originOf } from '../principals/actor.js';
import { principalOf } from '../principals/request-principal.js';
import { Refusals } from './refusals.js';

/** Statuses that tell of somebody who may not do what they asked for. */
const REFUSED = new Set([401, 403]);

/** Sees every answer, also those that guards give, and hands on the refusals. */
@Injectable()
export class WatchRefusals implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly refusals: Refusals,
  ) {}

  onModuleInit(): void {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    fastify.addHook('onResponse', (request, reply, done) => {
      if (REFUSED.has(reply.statusCode)) this.tell(request, reply);
      done();
    });
  }

  private tell(request: FastifyRequest, reply: FastifyReply): void {
    const code = problemOf(reply);
    // A wrong login is told by the login itself, which knows whose it was.
    if (code === undefined || request.routeOptions.url?.endsWith('/auth/login') === true) return;
    const refusal = { code, route: `${request.method} ${request.routeOptions.url ?? ''}` };
    const principal = principalOf(request);
    if (principal.kind === 'user') this.refusals.ofUser(principal, originOf(request), refusal);
    else this.refusals.ofAnonymous(originOf(request), refusal);
  }
}
