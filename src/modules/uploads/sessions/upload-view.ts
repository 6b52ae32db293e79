import { Injectable } from '@nestjs/common';
import type { UserPrincipal } from '../../auth/index.js';
import { FileAccess, toFileDto } from '../../file-meta/index.js';
import { CompleteDirect } from '../direct/complete-direct.js';
import { PartUrls } from '../direct/part-urls.js';
import { chunkCountOf } from './chunk-plan.js';
import { FindUpload } from './find-upload.js';
import { ReceivedParts } from './received-parts.js';
import type { UploadSession } from './upload-session.js';
import { toChallengeDto, type UploadDto } from './uploads.dto.js';

/** What a client is told of a session. */
@Injectable()
export class UploadView {
  constructor(
    private readonly uploads: FindUpload,
    private readonly parts: ReceivedParts,
    private readonly direct: CompleteDirect,
    private readonly partUrls: PartUrls,
    private readonly files: FileAccess,
  ) {}

  /** @throws Problem `upload-not-found` (404), `upload-expired` (410) */
  async get(uid: string, owner: UserPrincipal): Promise<UploadDto> {
    const session = await this.uploads.any(uid, owner);
    await this.direct.resume(session, owner);
    return this.of(session, owner);
  }

  /** Of one that has just begun. */
  async ofNew(session: UploadSession, owner: UserPrincipal): Promise<UploadDto> {
    const isDirect = session.protocol === 'direct' && session.status === 'uploading';
    const view = await this.of(session, owner);
    if (isDirect) view.parts = await this.partUrls.first(session);
    return view;
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
      received: await this.parts.indexes(session),
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
