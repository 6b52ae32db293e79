import { Injectable } from '@nestjs/common';
import type { UserPrincipal } from '../../auth/index.js';
import { CompleteDirect } from '../direct/complete-direct.js';
import { type CompletedUpload, CompleteUpload } from './complete-upload.js';
import { FindUpload } from './find-upload.js';
import { UploadView } from './upload-view.js';
import type { UploadDto } from './uploads.dto.js';

/** `POST /uploads/:id/complete`, whichever way the bytes have come. */
@Injectable()
export class Completions {
  constructor(
    private readonly uploads: FindUpload,
    private readonly completion: CompleteUpload,
    private readonly direct: CompleteDirect,
    private readonly view: UploadView,
  ) {}

  /**
   * @returns the file; of a direct upload whose bytes are still to be read, the session
   * @throws what `CompleteUpload.complete` and `CompleteDirect.complete` throw
   */
  async complete(
    uid: string,
    owner: UserPrincipal,
    client: AbortSignal,
  ): Promise<CompletedUpload | UploadDto> {
    const session = await this.uploads.alive(uid, owner);
    if (session.protocol !== 'direct' || session.fileId !== null)
      return this.completion.complete(uid, owner, client);
    return this.view.of(await this.direct.complete(session, owner), owner);
  }
}
