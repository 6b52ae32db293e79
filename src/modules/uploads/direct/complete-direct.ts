import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { UserPrincipal } from '../../auth/index.js';
import { CompleteUpload } from '../sessions/complete-upload.js';
import { FindUpload } from '../sessions/find-upload.js';
import { ReceivedParts } from '../sessions/received-parts.js';
import { UploadLeases, WHOLE } from '../sessions/upload-leases.js';
import type { UploadSession } from '../sessions/upload-session.js';
import { UploadSessionsRepository } from '../sessions/upload-sessions.repository.js';

/** What came past us is read before it is published, which takes as long as reading takes: nobody waits for it with a request. */
@Injectable()
export class CompleteDirect implements OnApplicationShutdown {
  private readonly logger = new Logger('Uploads');
  private readonly stopping = new AbortController();
  /** Those that this replica is at. */
  private readonly running = new Set<string>();

  constructor(
    private readonly uploads: FindUpload,
    private readonly parts: ReceivedParts,
    private readonly sessions: UploadSessionsRepository,
    private readonly leases: UploadLeases,
    private readonly completion: CompleteUpload,
  ) {}

  onApplicationShutdown(): void {
    this.stopping.abort();
  }

  /**
   * Begins to look at the bytes, unless that is under way or done.
   * @returns the session as it is then
   * @throws Problem `upload-incomplete` (409), and with what an earlier completion has failed
   */
  async complete(session: UploadSession, owner: UserPrincipal): Promise<UploadSession> {
    if (session.status === 'uploading') {
      await this.parts.require(session);
      await this.sessions.beginVerifying(session);
    }
    this.run(session, owner);
    return this.uploads.alive(session.uid, owner);
  }

  /** When the replica that was at it is no more. */
  async resume(session: UploadSession, owner: UserPrincipal): Promise<void> {
    if (session.protocol !== 'direct' || session.status !== 'verifying') return;
    if (!(await this.leases.isHeld(session, WHOLE))) this.run(session, owner);
  }

  private run({ uid }: UploadSession, owner: UserPrincipal): void {
    if (this.running.has(uid)) return;
    this.running.add(uid);
    this.completion
      .complete(uid, owner, this.stopping.signal)
      .catch((error: unknown) => {
        // What its bytes are is said by the session; the rest is tried again when the client asks.
        this.logger.warn(`the direct upload ${uid} is not complete: ${String(error)}`);
      })
      .finally(() => this.running.delete(uid));
  }
}
