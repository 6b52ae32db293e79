import {
  applyDecorators,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiBearerAuth, ApiSecurity } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { forbidden, unauthenticated } from '../auth.problems.js';
import { holdsPermission, type Permission } from './permissions.js';
import type { Role } from './principal.js';
import { principalOf } from './request-principal.js';

const PERMISSION = Symbol('PERMISSION');
const ROLE = Symbol('ROLE');

/** The route serves callers with this permission; API keys, when it is one of their scopes. */
export const RequirePermission = (permission: Permission): ClassDecorator & MethodDecorator =>
  applyDecorators(SetMetadata(PERMISSION, permission), ApiBearerAuth('jwt'), ApiSecurity('apiKey'));

/** The route serves people of this role; `admin` includes operators, who are admins of their tenant (RULES 1.5). */
export const RequireRole = (role: Exclude<Role, 'user'>): ClassDecorator & MethodDecorator =>
  applyDecorators(SetMetadata(ROLE, role), ApiBearerAuth('jwt'));

/** Without I/O. Which objects of a kind the caller may touch is decided where they are loaded. */
@Injectable()
export class PermissionGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const route = [context.getHandler(), context.getClass()];
    const permission = this.reflector.getAllAndOverride<Permission | undefined>(PERMISSION, route);
    const role = this.reflector.getAllAndOverride<Role | undefined>(ROLE, route);
    const principal = principalOf(context.switchToHttp().getRequest<FastifyRequest>());
    if (!holdsPermission(principal, permission)) {
      throw principal.kind === 'anonymous' ? unauthenticated() : forbidden(missingScope(permission));
    }
    if (role === undefined) return true;
    if (principal.kind === 'anonymous') throw unauthenticated();
    if (principal.role !== 'operator' && principal.role !== role) throw forbidden();
    return true;
  }
}

function missingScope(permission: Permission | undefined): string {
  return permission === undefined
    ? 'An API key cannot be used here: log in.'
    : `The API key lacks the scope ${permission}.`;
}
