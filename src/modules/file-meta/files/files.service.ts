import { Injectable } from '@nestjs/common';
import { type ConditionalHeaders, matchesTag } from '../../../common/http/index.js';
import { preconditionFailed, Problem, validationFailed } from '../../../common/problems/index.js';
import type { UserPrincipal } from '../../auth/index.js';
import { fileGone } from '../file-meta.problems.js';
import type { ChangeFileDto } from './change-file.dto.js';
import { ContentTypePolicy } from '../content-types/content-type-policy.js';
import { FileAccess } from './file-access.js';
import { decodeCursor, encodeCursor } from './file-cursor.js';
import { toFileDto } from './file.dto.js';
import { type FileChange, FilesRepository } from './files.repository.js';
import type { FileListDto, ListFilesQuery } from './list-files.dto.js';
import { metadataTag, type StoredFile } from './stored-file.js';

@Injectable()
export class FilesService {
  constructor(
    private readonly access: FileAccess,
    private readonly files: FilesRepository,
    private readonly types: ContentTypePolicy,
  ) {}

  get(id: string, user: UserPrincipal): Promise<StoredFile> {
    return this.access.open(id, user, 'read');
  }

  /** The files that the user may read, a page at a time. */
  async list(
    { filename, sharedWithMe, sort, limit, cursor }: ListFilesQuery,
    user: UserPrincipal,
  ): Promise<FileListDto> {
    const after = cursor === undefined ? undefined : decodeCursor(cursor, sort);
    // One more than asked for tells whether there is another page.
    const found = await this.files.list(user, {
      order: sort,
      limit: limit + 1,
      filename,
      sharedWithMe,
      after,
    });
    const page = found.slice(0, limit);
    const last = found.length > limit ? page.at(-1) : undefined;
    return {
      items: page.map(({ file }) => toFileDto(file)),
      nextCursor: last === undefined ? null : encodeCursor({ order: sort, key: last.key, id: last.file.id }),
    };
  }

  /**
   * Changes what is known about a file; its content stays. With `If-Match` only the version that the client has seen is changed, so that
   * two who change at once do not undo each other.
   * @throws Problem `precondition-failed` (412), `validation-failed` (400), `content-type-not-allowed` (415), those of `FileAccess.open`
   */
  async change(
    id: string,
    dto: ChangeFileDto,
    { ifMatch }: ConditionalHeaders,
    user: UserPrincipal,
  ): Promise<StoredFile> {
    const change = readChange(dto);
    if (change.contentType !== undefined) this.types.judge(change.contentType);
    const file = await this.access.open(id, user, 'manage');
    if (ifMatch !== undefined && !matchesTag(ifMatch, metadataTag(file))) throw preconditionFailed();
    const changed = await this.files.update(file, change, ifMatch === undefined ? undefined : file.version);
    if (changed !== undefined) return changed;
    // Another was faster: with a condition it does not hold any more; without one the file can only have been deleted.
    throw ifMatch === undefined ? fileGone() : preconditionFailed();
  }

  /** The content stays until a sweep finds that no file has it: never removed by a request. */
  async delete(id: string, user: UserPrincipal): Promise<void> {
    const file = await this.access.open(id, user, 'manage');
    if (!(await this.files.markDeleted(file))) throw fileGone();
  }
}

function readChange({ filename, contentType, visibility, expiresAt }: ChangeFileDto): FileChange {
  if ([filename, contentType, visibility, expiresAt].every((value) => value === undefined)) {
    throw new Problem(validationFailed, { detail: 'Nothing to change: send at least one member.' });
  }
  const end = typeof expiresAt === 'string' ? new Date(expiresAt) : expiresAt;
  if (end instanceof Date && end <= new Date()) {
    throw new Problem(validationFailed, {
      errors: [{ field: 'expiresAt', message: 'must lie in the future' }],
    });
  }
  return { filename, contentType, visibility, expiresAt: end };
}
