import { randomUUID } from 'node:crypto';
import { open, truncate, writeFile } from 'node:fs/promises';

/**
 * A file of zeros, a hole on the disk: whoever stores what is read of it writes real zeros, and no one on the way compresses.
 * @param {string} path of the file, which is made anew
 * @param {number} size bytes
 * @returns {Promise<string>} the path
 */
export async function sparseFile(path, size) {
  await writeFile(path, '');
  await truncate(path, size);
  return path;
}

/**
 * Gives the file content that nobody has: what is known already would be stored once.
 * @param {string} path
 * @returns {Promise<void>}
 */
export async function renewContent(path) {
  const file = await open(path, 'r+');
  await file.write(randomUUID(), 0);
  await file.close();
}
