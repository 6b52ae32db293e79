import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problemOf } from '../../../common/problems/index.js';
import { originOf } from '../principals/actor.js';
import { principalOf } from '../principals/request-principal.js';
import { isInAudit } from './problems-in-audit.js';
import { CountedAudit } from './counted-audit.js';

/** Statuses that tell of somebody who may not do what they asked for. */
const REFUSED = new Set([401, 403]);

/** Sees every answer, also those that guards give, and hands on the refusals. */
@Injectable()
export class WatchRefusals implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly refusals: CountedAudit,
  ) {}

  /** Fastify gives its hooks to the routes when it is ready: also to those that are registered by now. */
  onModuleInit(): void {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    // Not onResponse: a client that goes away at once would be refused without a trace.
    fastify.addHook('onSend', (request, reply, payload, done) => {
      if (REFUSED.has(reply.statusCode)) this.tell(request, reply);
      done(null, payload);
    });
  }

  private tell(request: FastifyRequest, reply: FastifyReply): void {
    const problem = problemOf(reply);
    if (problem === undefined || isInAudit(problem)) return;
    const route = `${request.method} ${request.routeOptions.url ?? ''}`;
    const refusal = { code: problem.kind.code, route };
    const principal = principalOf(request);
    if (principal.kind !== 'user') this.refusals.ofAnonymous(originOf(request), refusal);
    else if (principal.credential.kind === 'token') {
      this.refusals.ofToken(principal, originOf(request), refusal);
    } else this.refusals.ofUser(principal, originOf(request), refusal);
  }
}
