import {
  applyDecorators,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiBearerAuth } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { forbidden, unauthenticated } from '../auth.problems.js';
import { holdsPermission, type Permission } from './permissions.js';
import { principalOf } from './request-principal.js';

const PERMISSION = Symbol('PERMISSION');

/** The route serves callers with this permission. */
export const RequirePermission = (permission: Permission): ClassDecorator & MethodDecorator =>
  applyDecorators(SetMetadata(PERMISSION, permission), ApiBearerAuth('jwt'));

@Injectable()
export class PermissionGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const permission = this.reflector.getAllAndOverride<Permission | undefined>(PERMISSION, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (permission === undefined) return true;
    const principal = principalOf(context.switchToHttp().getRequest<FastifyRequest>());
    if (holdsPermission(principal, permission)) return true;
    throw principal.kind === 'anonymous' ? unauthenticated() : forbidden();
  }
}
