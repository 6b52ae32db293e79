import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { hashOfFile } from './large-file.js';
import type { Seed } from './seed.js';

/** What a volume holds against what the database says of it. */
export interface Stored {
  /** Objects without a blob. */
  readonly orphans: string[];
  /** Blobs whose object is missing, or is not what its hash says. */
  readonly broken: string[];
  /** Unfinished writes. */
  readonly unfinished: string[];
}

export async function inspectVolume(seed: Seed, root: string): Promise<Stored> {
  const blobs = await seed.query<{ storage_path: string; sha256: string }>(
    'SELECT storage_path, sha256 FROM blobs',
  );
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  const unfinished = paths.filter((path) => path.startsWith('.tmp/'));
  const objects = new Set(paths.filter((path) => !path.startsWith('.tmp/')));
  const broken: string[] = [];
  for (const { storage_path: path, sha256 } of blobs) {
    if (!objects.delete(path) || (await hashOfFile(join(root, path))) !== sha256) broken.push(path);
  }
  return { orphans: [...objects], broken, unfinished };
}
