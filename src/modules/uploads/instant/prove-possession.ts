import { createHash, timingSafeEqual } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { Injectable } from '@nestjs/common';
import type { UserPrincipal } from '../../auth/index.js';
import {
  FilePublisher,
  type KnownContent,
  KnownContents,
  PendingObjects,
  type StoredFile,
} from '../../file-meta/index.js';
import { Volumes } from '../../storage/index.js';
import { FindUpload } from '../sessions/find-upload.js';
import { UploadLeases, WHOLE } from '../sessions/upload-leases.js';
import type { UploadSession } from '../sessions/upload-session.js';
import { UploadSessionsRepository } from '../sessions/upload-sessions.repository.js';
import { proofRefused, uploadBusy } from '../uploads.problems.js';
import type { Challenge } from './challenge.js';

/** Ranges that are read at once: a store takes a while for each. */
const SIDE_BY_SIDE = 8;
/** Milliseconds. */
const PATIENCE = 2_000;

/** `POST /uploads/:id/proof`: a client that has the content need not send it. */
@Injectable()
export class ProvePossession {
  constructor(
    private readonly uploads: FindUpload,
    private readonly sessions: UploadSessionsRepository,
    private readonly leases: UploadLeases,
    private readonly contents: KnownContents,
    private readonly volumes: Volumes,
    private readonly publisher: FilePublisher,
    private readonly pending: PendingObjects,
  ) {}

  /**
   * There is one attempt; after it the session goes on as any other.
   * @param digest SHA-256 of the nonce and the bytes, hex
   * @throws Problem `proof-refused` (422): it is wrong, or late, or nothing was asked; `upload-not-found` (404), `upload-expired` (410),
   * `upload-busy` (409), `dependency-unavailable` (503)
   */
  async prove(uid: string, digest: string, owner: UserPrincipal, client: AbortSignal): Promise<StoredFile> {
    const session = await this.uploads.alive(uid, owner);
    const challenge = await this.sessions.takeChallenge(session);
    if (challenge === undefined || challenge.expiresAt.getTime() <= Date.now() || session.sha256 === null)
      throw proofRefused('Nothing is to be proven here, or no longer.');
    const content = await this.contents.find(session.sha256, session.size, owner);
    if (content?.blobId !== challenge.blobId) throw proofRefused('The content is no longer there.');
    const expected = await this.digestOf(challenge, content, client);
    if (!timingSafeEqual(expected, Buffer.from(digest, 'hex'))) throw proofRefused('The digest is another.');
    return this.publish(session, owner, content, client);
  }

  private async digestOf(
    { nonce, ranges }: Challenge,
    content: KnownContent,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const { store } = this.volumes.get(content.volume);
    const hash = createHash('sha256').update(Buffer.from(nonce, 'hex'));
    for (let at = 0; at < ranges.length; at += SIDE_BY_SIDE) {
      const pieces = await Promise.all(
        ranges
          .slice(at, at + SIDE_BY_SIDE)
          .map(async (range) => buffer(await store.read(content.objectKey, range, signal))),
      );
      for (const piece of pieces) hash.update(piece);
    }
    return hash.digest();
  }

  private async publish(
    session: UploadSession,
    owner: UserPrincipal,
    { blobId }: KnownContent,
    client: AbortSignal,
  ): Promise<StoredFile> {
    const lease = await this.leases.take(session, WHOLE, {
      yields: false,
      patience: PATIENCE,
      signal: client,
    });
    if (lease === undefined) throw uploadBusy();
    try {
      const { filename, contentType, visibility } = session;
      const announced = { owner, filename, contentType, visibility, isReserved: true };
      const file = await this.publisher.publishKnown(
        announced,
        blobId,
        async (transaction, { id }) => {
          if (!(await this.sessions.finish(transaction, session, lease, id))) throw uploadBusy();
        },
        (transaction) => this.sessions.lock(transaction, session),
      );
      if (file === undefined) throw proofRefused('The content is no longer there.');
      // What has come of it is not needed.
      await this.pending.discard(session);
      return file;
    } finally {
      await lease.release();
    }
  }
}
