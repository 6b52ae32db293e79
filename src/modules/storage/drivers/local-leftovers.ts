import { opendir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Leftover, Leftovers } from '../leftovers.js';
import { objectKey } from '../object-key.js';
import { TEMPORARY_FOLDER } from './local-volume.js';

/** `<key with dashes>.<suffix>` */
const UNFINISHED = /^(\d{1,19})-([0-9a-f]{2})-([0-9a-f]{30})\./;

/** Temporary files of unfinished writes below `root`. */
export class LocalLeftovers extends Leftovers {
  private readonly folder: string;

  constructor(root: string) {
    super();
    this.folder = join(root, TEMPORARY_FOLDER);
  }

  override async *list(before: Date, signal: AbortSignal): AsyncGenerator<Leftover, void> {
    const folder = await opendir(this.folder).catch(unlessMissing);
    if (folder === undefined) return;
    for await (const entry of folder) {
      signal.throwIfAborted();
      const [, ...parts] = UNFINISHED.exec(entry.name) ?? [];
      if (parts.length === 0 || !entry.isFile()) continue;
      // It may have been finished in between.
      const facts = await stat(join(this.folder, entry.name)).catch(unlessMissing);
      if (facts === undefined || facts.mtime >= before) continue;
      yield { key: objectKey(parts.join('/')), id: entry.name, bytes: facts.size };
    }
  }

  override async remove({ id }: Leftover): Promise<void> {
    await rm(join(this.folder, id), { force: true });
  }
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
