import { homedir } from 'node:os';
import { join } from 'node:path';

/** @returns {string} outside the checkout: a fresh clone does not fetch or build its tools again */
export function toolCache() {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'download-service');
}
