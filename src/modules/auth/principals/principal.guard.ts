import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { IGNORES_CREDENTIALS } from '../../../common/http/index.js';
import { unauthenticated } from '../auth.problems.js';
import { PrincipalResolver } from './principal-resolver.js';
import { setPrincipal } from './request-principal.js';

/** On every route: finds out who asks. Routes are closed to callers without credentials unless they say otherwise. */
@Injectable()
export class PrincipalGuard implements CanActivate {
  constructor(private readonly resolver: PrincipalResolver) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (IGNORES_CREDENTIALS.of(context) === true) return true;
    const principal = await this.resolver.resolve(request);
    if (principal.kind === 'anonymous') throw unauthenticated();
    setPrincipal(request, principal);
    return true;
  }
}
