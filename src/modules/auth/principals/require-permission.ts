import { applyDecorators, type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { ApiBearerAuth, ApiSecurity } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { RouteMetadata } from '../../../common/http/index.js';
import { forbidden, unauthenticated } from '../auth.problems.js';
import { holdsPermission } from './holds-permission.js';
import type { Permission } from './permissions.js';
import type { Role } from './principal.js';
import { principalOf } from './request-principal.js';

const PERMISSION = new RouteMetadata<Permission>(Symbol('PERMISSION'));
const ROLE = new RouteMetadata<Role>(Symbol('ROLE'));

/** The route serves callers with this permission; API keys, when it is one of their scopes. */
export const RequirePermission = (permission: Permission): ClassDecorator & MethodDecorator =>
  applyDecorators(PERMISSION.set(permission), ApiBearerAuth('jwt'), ApiSecurity('apiKey'));

/** The route serves people of this role; `admin` includes operators, who are admins of their tenant (RULES 1.5). */
export const RequireRole = (role: Exclude<Role, 'user'>): ClassDecorator & MethodDecorator =>
  applyDecorators(ROLE.set(role), ApiBearerAuth('jwt'));

/** Without I/O. Which objects of a kind the caller may touch is decided where they are loaded. */
@Injectable()
export class PermissionGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const permission = PERMISSION.of(context);
    const role = ROLE.of(context);
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
