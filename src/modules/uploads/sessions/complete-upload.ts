import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { UserPrincipal } from '../../auth/index.js';
import {
  FileAccess,
  FilePublisher,
  PendingObjects,
  type StoredContent,
  type StoredFile,
} from '../../file-meta/index.js';
import { BackgroundDigests, ObjectNotFound, Volumes } from '../../storage/index.js';
import { reached } from '../upload-steps.js';
import { uploadBusy, uploadIncomplete, uploadNotFound, wholeMismatch } from '../uploads.problems.js';
import { chunkCountOf } from './chunk-plan.js';
import { FindUpload } from './find-upload.js';
import { type Lease, UploadLeases, WHOLE } from './upload-leases.js';
import { openUploadOf, type UploadSession } from './upload-session.js';
import { UploadSessionsRepository } from './upload-sessions.repository.js';

/** Milliseconds between two looks whether another request has completed the upload. */
const LOOK = 250;

/** The file, and whether this request has made it. */
export interface CompletedUpload {
  readonly file: StoredFile;
  readonly created: boolean;
}

/** Makes a file of the parts of a session: once, however often and from wherever it is asked. */
@Injectable()
export class CompleteUpload {
  constructor(
    private readonly uploads: FindUpload,
    private readonly sessions: UploadSessionsRepository,
    private readonly leases: UploadLeases,
    private readonly volumes: Volumes,
    private readonly digests: BackgroundDigests,
    private readonly pending: PendingObjects,
    private readonly publisher: FilePublisher,
    private readonly files: FileAccess,
  ) {}

  /**
   * Waits for a completion that is under way. One that has begun goes on when its client goes away: it will ask again.
   * @throws Problem `upload-not-found` (404), `upload-expired` (410), `upload-incomplete` (409), `digest-mismatch` (422), `file-gone` (410) when
   * the file has been deleted since, `dependency-unavailable` (503); the reason of `client`
   */
  async complete(uid: string, owner: UserPrincipal, client: AbortSignal): Promise<CompletedUpload> {
    for (;;) {
      const session = await this.uploads.alive(uid, owner);
      if (session.fileId !== null)
        return { file: await this.files.open(session.fileId, owner, 'read'), created: false };
      await this.requireAll(session);
      const lease = await this.leases.take(session, WHOLE, { yields: false, patience: 0, signal: client });
      if (lease !== undefined) return await this.completeHeld(session, owner, lease);
      await sleep(LOOK, undefined, { signal: client });
    }
  }

  private async requireAll(session: UploadSession): Promise<void> {
    const received = await this.sessions.receivedIndexes(session);
    const missing = chunkCountOf(session) - received.length;
    if (missing > 0) throw uploadIncomplete(`${missing} of ${chunkCountOf(session)} chunks are missing.`);
  }

  private async completeHeld(
    session: UploadSession,
    owner: UserPrincipal,
    lease: Lease,
  ): Promise<CompletedUpload> {
    try {
      const content = await this.verify(session);
      reached('publishing');
      const file = await this.publish(session, owner, content, lease);
      reached('published');
      // The tenant had this content already: the copy that has just come in is not needed.
      if (file.objectKey !== session.objectKey) await this.pending.discard(session);
      reached('duplicate-discarded');
      return { file, created: true };
    } catch (error) {
      throw error instanceof ObjectNotFound ? uploadNotFound() : error;
    } finally {
      await lease.release();
    }
  }

  /** Every byte is read by us, or was, since it was in its place for good (RULES 6.1). */
  private async verify(session: UploadSession): Promise<StoredContent> {
    const { volume, objectKey, size } = session;
    await this.sessions.beginVerifying(session);
    reached('verifying');
    const tags = await this.sessions.tags(session);
    const storeTag = await this.volumes.get(volume).parts.complete(openUploadOf(session), tags);
    reached('object-completed');
    const facts = await this.digests.finish(volume, objectKey, size);
    if (session.sha256 !== null && facts.sha256 !== session.sha256) {
      await this.sessions.fail(session, wholeMismatch().kind.code);
      reached('session-failed');
      await this.pending.discard(session);
      throw wholeMismatch();
    }
    reached('content-verified');
    return { ...facts, volume, objectKey, storeTag };
  }

  private publish(
    session: UploadSession,
    owner: UserPrincipal,
    content: StoredContent,
    lease: Lease,
  ): Promise<StoredFile> {
    const { filename, contentType, visibility } = session;
    return this.publisher.publish(
      { owner, filename, contentType, visibility, content },
      async (transaction, file) => {
        if (!(await this.sessions.finish(transaction, session, lease, file.id))) throw uploadBusy();
      },
    );
  }
}
