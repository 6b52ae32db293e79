import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** What is kept of an upload between two runs: enough to go on, and nothing that opens anything. */
export interface SavedUpload {
  readonly uploadId: string;
  /** Of the file when the upload was begun: bytes, and ns since 1970 as decimal digits. */
  readonly size: number;
  readonly mtime: string;
  /** Hex; undefined: it was not taken before the upload. */
  readonly sha256?: string | undefined;
}

/** What makes two uploads the same one: where to, from where, and as what. */
export interface UploadIdentity {
  readonly server: string;
  readonly path: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** The state of one upload, in a file of its user's state folder (XDG Base Directory 0.8). */
export class UploadState {
  private readonly file: string;

  constructor(identity: UploadIdentity, environment: Readonly<Record<string, string | undefined>>) {
    const { server, path, options } = identity;
    const key = createHash('sha256').update(JSON.stringify([server, path, options]));
    this.file = join(stateFolder(environment), `${key.digest('hex').slice(0, 32)}.json`);
  }

  /** @returns undefined when there is none, or none that can be read */
  async load(): Promise<SavedUpload | undefined> {
    const text = await readFile(this.file, 'utf8').catch(() => '');
    try {
      const saved: unknown = JSON.parse(text);
      return isSavedUpload(saved) ? saved : undefined;
    } catch {
      return undefined;
    }
  }

  /** Whole or not at all, whatever happens meanwhile. */
  async save(upload: SavedUpload): Promise<void> {
    await mkdir(join(this.file, '..'), { recursive: true, mode: 0o700 });
    const next = `${this.file}.${process.pid}`;
    await writeFile(next, JSON.stringify(upload), { mode: 0o600, flush: true });
    await rename(next, this.file);
  }

  async forget(): Promise<void> {
    await rm(this.file, { force: true });
  }
}

function stateFolder({ XDG_STATE_HOME: home }: Readonly<Record<string, string | undefined>>): string {
  // Relative ones are to be ignored.
  const base = home !== undefined && isAbsolute(home) ? home : join(homedir(), '.local/state');
  return join(base, 'download-service/uploads');
}

function isSavedUpload(value: unknown): value is SavedUpload {
  if (typeof value !== 'object' || value === null) return false;
  const { uploadId, size, mtime, sha256 } = value as Record<string, unknown>;
  return (
    typeof uploadId === 'string' &&
    // It becomes part of a path.
    /^[\w-]{1,100}$/.test(uploadId) &&
    typeof size === 'number' &&
    typeof mtime === 'string' &&
    (sha256 === undefined || typeof sha256 === 'string')
  );
}
