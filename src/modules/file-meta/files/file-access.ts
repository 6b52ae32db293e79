import { Injectable } from '@nestjs/common';
import { type Resting, type Subject, VersionedCache, Versions } from '../../../common/revocation/index.js';
import { forbidden, type Principal, unauthenticated } from '../../auth/index.js';
import { decide, type FileAction, givers, rightEnds } from '../access/decide.js';
import { fileGone, fileNotFound } from '../file-meta.problems.js';
import { FilesRepository, type FileWithGrants } from './files.repository.js';
import type { StoredFile } from './stored-file.js';

/** The one way to a file: loads it together with what decides, and lets it out only when `decide` says so. */
@Injectable()
export class FileAccess {
  private readonly cache: VersionedCache<FileWithGrants>;

  constructor(
    private readonly files: FilesRepository,
    versions: Versions,
  ) {
    this.cache = new VersionedCache(versions);
  }

  /**
   * @throws Problem `file-not-found` (404), `file-gone` (410), `forbidden` (403); for anonymous callers
   * `unauthenticated` (401) instead of 404, unknown ids included, so that nothing is told of what is not public
   */
  async open(id: string, caller: Principal, action: FileAction): Promise<StoredFile> {
    return (await this.require(id, caller, action, new Date())).file;
  }

  /**
   * For downloads that go on without being asked again.
   * @returns the file, and when the right to download it ends by itself (null: it does not)
   * @throws what `open` throws
   */
  async openUntil(
    id: string,
    caller: Principal,
  ): Promise<{ readonly file: StoredFile; readonly rightEndsAt: Date | null }> {
    const now = new Date();
    const { file, grants } = await this.require(id, caller, 'download', now);
    return { file, rightEndsAt: rightEnds(caller, file, grants, now) };
  }

  private async require(
    id: string,
    caller: Principal,
    action: FileAction,
    now: Date,
  ): Promise<FileWithGrants<StoredFile>> {
    return judge((await this.find(id, caller))?.value, caller, action, now);
  }

  /** What is kept of a file and its grants; whether it still is so is for who compares the versions. */
  recall(id: string, caller: Principal): Resting<FileWithGrants> | undefined {
    return this.cache.recall(keyOf(id, caller));
  }

  /** The facts, not the decision: what expires is judged at each request (RULES 3.2). */
  find(id: string, caller: Principal): Promise<Resting<FileWithGrants> | undefined> {
    const subjects: Subject[] = [`file:${id}`];
    if (caller.kind === 'user') subjects.push(`tenant:${caller.tenantId}`);
    return this.cache.find(keyOf(id, caller), subjects, async () => {
      const value = await this.files.findForCaller(id, caller);
      if (value === undefined) return undefined;
      const { file, grants } = value;
      // A giver who loses its role takes away what it gave.
      const behind = givers(caller, file, grants).map((giver): Subject => `user:${giver}`);
      return { value, subjects: [`file:${id}`, `tenant:${file.tenantId}`, ...behind] };
    });
  }
}

function keyOf(id: string, caller: Principal): string {
  return caller.kind === 'user' ? `${id} ${caller.userId} ${caller.role}` : id;
}

/** @throws what `FileAccess.open` throws */
export function judge(
  found: FileWithGrants | undefined,
  caller: Principal,
  action: FileAction,
  now: Date,
): FileWithGrants<StoredFile> {
  const { file, grants } = found ?? { grants: [] };
  const decision = file === undefined ? 'hidden' : decide(caller, file, grants, action, now);
  if (file?.deletedAt === null && decision === 'allowed') return { file, grants };
  switch (decision) {
    case 'gone':
      throw fileGone();
    case 'forbidden':
      throw caller.kind === 'anonymous' ? unauthenticated() : forbidden();
    default:
      throw caller.kind === 'anonymous' ? unauthenticated() : fileNotFound();
  }
}
