/** What a route may ask for: the scopes of API keys, a closed list (RULES 1.6). */
export const PERMISSIONS = [
  'download',
  'files:read',
  'files:write',
  'upload',
  'tokens',
  'tasks',
  'stats',
  'storage:credentials',
] as const;
export type Permission = (typeof PERMISSIONS)[number];
