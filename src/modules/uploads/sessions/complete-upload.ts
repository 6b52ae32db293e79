import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Problem } from '../../../common/problems/index.js';
import type { UserPrincipal } from '../../auth/index.js';
import {
  ContentTypePolicy,
  FileAccess,
  FilePublisher,
  PendingObjects,
  type StoredContent,
  type StoredFile,
} from '../../file-meta/index.js';
import {
  BackgroundDigests,
  insufficientStorage,
  ObjectNotFound,
  openWhole,
  PartMissing,
  VolumeFull,
  Volumes,
} from '../../storage/index.js';
import { SAMPLE_LENGTH, TypeDetection } from '../limits/type-detection.js';
import { reached } from '../upload-steps.js';
import { uploadBusy, uploadIncomplete, uploadNotFound, wholeMismatch } from '../uploads.problems.js';
import { FindUpload } from './find-upload.js';
import { ReceivedParts } from './received-parts.js';
import { type Lease, UploadLeases, WHOLE } from './upload-leases.js';
import { openUploadOf, type UploadSession } from './upload-session.js';
import { UploadSessionsRepository } from './upload-sessions.repository.js';

/** Milliseconds between two looks whether another request has completed the upload. */
const LOOK = 250;

/** What a late write to the store can do to a part of which it had been heard that it is there. */
const LOST = 'The store no longer has all chunks as they were acknowledged. Begin a new upload.';

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
    private readonly parts: ReceivedParts,
    private readonly leases: UploadLeases,
    private readonly volumes: Volumes,
    private readonly digests: BackgroundDigests,
    private readonly pending: PendingObjects,
    private readonly publisher: FilePublisher,
    private readonly files: FileAccess,
    private readonly types: ContentTypePolicy,
    private readonly detection: TypeDetection,
  ) {}

  /**
   * Waits for a completion that is under way. One that has begun goes on when its client goes away: it will ask again.
   * @throws Problem `upload-not-found` (404), `upload-expired` (410), `upload-incomplete` (409), `digest-mismatch` (422), `content-type-not-allowed` (415), `file-gone` (410) when
   * the file has been deleted since, `dependency-unavailable` (503); the reason of `client`
   */
  async complete(uid: string, owner: UserPrincipal, client: AbortSignal): Promise<CompletedUpload> {
    for (;;) {
      const session = await this.uploads.alive(uid, owner);
      if (session.fileId !== null)
        return { file: await this.files.open(session.fileId, owner, 'read'), created: false };
      await this.parts.require(session);
      const lease = await this.leases.take(session, WHOLE, { yields: false, patience: 0, signal: client });
      if (lease !== undefined) return await this.completeHeld(session, owner, lease);
      await sleep(LOOK, undefined, { signal: client });
    }
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
      // One that was taken for dead fails in any of its steps, and another replica has done them.
      const { fileId } = await this.uploads.alive(session.uid, owner).catch(() => ({ fileId: null }));
      if (fileId !== null) return { file: await this.files.open(fileId, owner, 'read'), created: false };
      if (error instanceof PartMissing) throw await this.fail(session, uploadIncomplete(LOST));
      if (error instanceof VolumeFull) throw insufficientStorage(error);
      throw error instanceof ObjectNotFound ? uploadNotFound() : error;
    } finally {
      await lease.release();
    }
  }

  /** Every byte is read by us, or was, since it was in its place for good (RULES 6.1). */
  private async verify(session: UploadSession): Promise<StoredContent> {
    const { volume, objectKey, size } = session;
    if (!(await this.sessions.beginVerifying(session))) throw uploadNotFound();
    reached('verifying');
    const tags = await this.parts.tags(session);
    const { parts } = this.volumes.get(volume);
    const storeTag = tags && (await parts.complete(openUploadOf(session), tags));
    reached('object-completed');
    const facts = await this.digests.finish(volume, objectKey, size);
    if (session.sha256 !== null && facts.sha256 !== session.sha256)
      throw await this.fail(session, wholeMismatch());
    const detectedType = await this.detectType(session);
    reached('content-verified');
    return { ...facts, volume, objectKey, storeTag, detectedType };
  }

  private async detectType(session: UploadSession): Promise<string | undefined> {
    const { volume, objectKey, size, contentType } = session;
    const length = Math.min(size, SAMPLE_LENGTH);
    const { store } = this.volumes.get(volume);
    const first = await buffer(await openWhole(store, objectKey, length, new AbortController().signal));
    const detected = await this.detection.detectType(first);
    try {
      this.types.judge(contentType, detected);
    } catch (error) {
      throw error instanceof Problem ? await this.fail(session, error) : error;
    }
    return detected;
  }

  /** What its bytes are cannot be mended: the session is over. @returns the problem */
  private async fail(session: UploadSession, problem: Problem): Promise<Problem> {
    await this.sessions.fail(session, problem.kind.code);
    reached('session-failed');
    await this.pending.discard(session);
    return problem;
  }

  private publish(
    session: UploadSession,
    owner: UserPrincipal,
    content: StoredContent,
    lease: Lease,
  ): Promise<StoredFile> {
    const { filename, contentType, visibility } = session;
    return this.publisher.publish(
      { owner, filename, contentType, visibility, content, isReserved: true },
      async (transaction, file) => {
        if (!(await this.sessions.finish(transaction, session, lease, file.id))) throw uploadBusy();
      },
      (transaction) => this.sessions.lock(transaction, session),
    );
  }
}
