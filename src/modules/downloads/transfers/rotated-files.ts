import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FollowedFile } from './followed-file.js';

/** What cannot be read as it is. */
const COMPRESSED = /\.(?:gz|bz2|xz|zst|lz4|Z)$/;

/**
 * What rotation has made of a log: `access.log.1`, `access.log-20261121`.
 * @param path of the log
 * @returns open, the oldest first
 */
export async function openRotatedFiles(path: string): Promise<FollowedFile[]> {
  const name = basename(path);
  const files: FollowedFile[] = [];
  for (const entry of await readdir(dirname(path), { withFileTypes: true })) {
    const isOurs = entry.name.startsWith(`${name}.`) || entry.name.startsWith(`${name}-`);
    if (!isOurs || !entry.isFile() || COMPRESSED.test(entry.name)) continue;
    // One that may not be read must not keep us from the others; if it was needed, its absence is noticed.
    const file = await FollowedFile.open(join(dirname(path), entry.name)).catch(() => undefined);
    if (file !== undefined) files.push(file);
  }
  return files.sort((one, other) => one.modified - other.modified);
}
