import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { accelRoots } from '../../scripts/stack/volumes.mjs';

/**
 * Removes the bytes of uploads from the disk, as a baseline removes its own: what one round leaves in the page cache would slow down the next.
 * @param {import('../benchmark.js').Setting} setting
 * @param {number} size of the files, bytes
 * @returns {Promise<void>}
 */
export async function forgetBytes({ stack }, size) {
  for (const root of accelRoots(stack.env).values()) {
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && (await stat(path)).size === size) await rm(path);
    }
  }
}
