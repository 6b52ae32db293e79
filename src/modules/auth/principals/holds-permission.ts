import type { Permission } from './permissions.js';
import type { Credential, Principal } from './principal.js';

const OF_ANONYMOUS: ReadonlySet<Permission> = new Set<Permission>(['download']);

/**
 * Whether this kind of caller may use such routes at all. Without I/O: which files it concerns is decided by `decide`
 * in file-meta. A route without a permission is for people: an API key does not call it.
 */
export function holdsPermission(principal: Principal, permission: Permission | undefined): boolean {
  switch (principal.kind) {
    case 'user':
      return coversPermission(principal.credential, permission);
    case 'anonymous':
      return permission === undefined || OF_ANONYMOUS.has(permission);
  }
}

function coversPermission(credential: Credential, permission: Permission | undefined): boolean {
  switch (credential.kind) {
    case 'session':
    case 'oidc':
      return true;
    case 'api-key':
      return permission !== undefined && credential.scopes.has(permission);
    case 'token':
      return permission === 'download';
  }
}
