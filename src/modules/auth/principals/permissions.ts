import type { Principal } from './principal.js';

/** What a route may ask for. The names are the scopes of API keys too (RULES 1.6). */
export type Permission = 'download' | 'files:read' | 'files:write' | 'upload';

const OF_ANONYMOUS: ReadonlySet<Permission> = new Set<Permission>(['download']);

/**
 * Whether this kind of caller may use such routes at all. Without I/O: which files it concerns is decided by `decide`
 * in file-meta. A login session has all rights of its user (RULES 1.6).
 */
export function holdsPermission(principal: Principal, permission: Permission): boolean {
  switch (principal.kind) {
    case 'user':
      return true;
    case 'anonymous':
      return OF_ANONYMOUS.has(permission);
  }
}
