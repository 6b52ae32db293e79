import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

/** The checkout that this file is part of, without a slash at the end. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Build and lock files that may be deleted at any time; git ignores it. */
export const CACHE = join(ROOT, '.cache');

/** Node as package-lock.json pins it. */
export const PINNED_NODE = join(ROOT, 'node_modules/node/bin/node');
