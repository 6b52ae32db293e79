import { Injectable } from '@nestjs/common';
import type { UserPrincipal } from '../../auth/index.js';
import { FileAccess, toFileDto } from '../../file-meta/index.js';
import { chunkCountOf } from './chunk-plan.js';
import { FindUpload } from './find-upload.js';
import type { UploadSession } from './upload-session.js';
import { UploadSessionsRepository } from './upload-sessions.repository.js';
import { toChallengeDto, type UploadDto } from './uploads.dto.js';

/** What a client is told of a session. */
@Injectable()
export class UploadView {
  constructor(
    private readonly uploads: FindUpload,
    private readonly sessions: UploadSessionsRepository,
    private readonly files: FileAccess,
  ) {}

  /** @throws Problem `upload-not-found` (404), `upload-expired` (410) */
  async get(uid: string, owner: UserPrincipal): Promise<UploadDto> {
    return this.of(await this.uploads.any(uid, owner), owner);
  }

  async of(session: UploadSession, owner: UserPrincipal): Promise<UploadDto> {
    const { uid, filename, size, chunkSize, status, failure, expiresAt, fileId, challenge } = session;
    const file = fileId === null ? undefined : await this.fileOf(fileId, owner);
    return {
      uploadId: uid,
      filename,
      size,
      status,
      chunkSize,
      chunkCount: chunkCountOf(session),
      received: await this.sessions.receivedIndexes(session),
      expiresAt: expiresAt.toISOString(),
      ...(challenge !== null && status === 'uploading' && { challenge: toChallengeDto(challenge) }),
      ...(failure !== null && { failure }),
      ...(file !== undefined && { file: toFileDto(file) }),
    };
  }

  /** It may have been deleted since. */
  private fileOf(id: string, owner: UserPrincipal) {
    return this.files.open(id, owner, 'read').catch(() => undefined);
  }
}
