import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { OperatorCheck } from '../../../common/health/index.js';
import { holdsPermission } from './holds-permission.js';
import { PrincipalResolver } from './principal-resolver.js';

/** An operator by login, or by an API key with the scope `stats`: a monitor needs no more. */
@Injectable()
export class PrincipalOperatorCheck extends OperatorCheck {
  constructor(private readonly resolver: PrincipalResolver) {
    super();
  }

  override async isOperator(request: FastifyRequest): Promise<boolean> {
    try {
      const principal = await this.resolver.resolve(request);
      return (
        principal.kind === 'user' && principal.role === 'operator' && holdsPermission(principal, 'stats')
      );
    } catch {
      return false;
    }
  }
}
