import { Injectable } from '@nestjs/common';
import type { UserPrincipal } from '../../auth/index.js';
import { PendingObjects } from '../../file-meta/index.js';
import { BackgroundDigests } from '../../storage/index.js';
import { reached } from '../upload-steps.js';
import { uploadBusy } from '../uploads.problems.js';
import { FindUpload } from './find-upload.js';
import { UploadLeases, WHOLE } from './upload-leases.js';
import { UploadSessionsRepository } from './upload-sessions.repository.js';

/** Milliseconds: a completion that takes longer is not waited for. */
const PATIENCE = 2_000;

/** Ends a session. The file that it has become stays. */
@Injectable()
export class AbortUpload {
  constructor(
    private readonly uploads: FindUpload,
    private readonly sessions: UploadSessionsRepository,
    private readonly leases: UploadLeases,
    private readonly pending: PendingObjects,
    private readonly digests: BackgroundDigests,
  ) {}

  /** @throws Problem `upload-not-found` (404), `upload-expired` (410), `upload-busy` (409) while it is being completed */
  async abort(uid: string, owner: UserPrincipal, client: AbortSignal): Promise<void> {
    const session = await this.uploads.any(uid, owner);
    const lease = await this.leases.take(session, WHOLE, {
      yields: false,
      patience: PATIENCE,
      signal: client,
    });
    if (lease === undefined) throw uploadBusy();
    try {
      // Chunks that are being written find no session to be acknowledged in.
      await this.sessions.remove(session);
      lease.spend();
      reached('session-removed');
      // Of a completed one it is not pending any more, and stays.
      await this.pending.discard(session);
      this.digests.forget(session.objectKey);
    } finally {
      await lease.release();
    }
  }
}
