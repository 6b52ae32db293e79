import { Injectable } from '@nestjs/common';
import type { UserPrincipal } from '../../auth/index.js';
import { uploadExpired, uploadFailed, uploadNotFound } from '../uploads.problems.js';
import type { UploadSession } from './upload-session.js';
import { UploadSessionsRepository } from './upload-sessions.repository.js';

/** The one way to a session: nobody finds another's. */
@Injectable()
export class FindUpload {
  constructor(private readonly sessions: UploadSessionsRepository) {}

  /** @throws Problem `upload-not-found` (404); `upload-expired` (410), but never for one that is done */
  async any(uid: string, owner: UserPrincipal): Promise<UploadSession> {
    const session = await this.sessions.find(uid, owner);
    if (session === undefined) throw uploadNotFound();
    if (session.status !== 'completed' && session.expiresAt.getTime() <= Date.now()) throw uploadExpired();
    return session;
  }

  /** One that has not failed. @throws also the problem with which it has failed */
  async alive(uid: string, owner: UserPrincipal): Promise<UploadSession> {
    const session = await this.any(uid, owner);
    if (session.failure !== null) throw uploadFailed(session.failure);
    return session;
  }
}
