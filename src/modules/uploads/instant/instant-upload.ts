import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { UserPrincipal } from '../../auth/index.js';
import { ContentTypePolicy, FilePublisher, type KnownContent, KnownContents } from '../../file-meta/index.js';
import type { UploadSession } from '../sessions/upload-session.js';
import { type NewUploadSession, UploadSessionsRepository } from '../sessions/upload-sessions.repository.js';
import { type Challenge, LEAST_PROVABLE, newChallenge } from './challenge.js';
import { ChallengesRepository } from './challenges.repository.js';

/** Uploads whose bytes need not come, since the tenant has them (RULES 6.4). A hash alone is no proof: it may have been overheard. */
@Injectable()
export class InstantUpload {
  constructor(
    private readonly contents: KnownContents,
    private readonly publisher: FilePublisher,
    private readonly sessions: UploadSessionsRepository,
    private readonly types: ContentTypePolicy,
    private readonly challenges: ChallengesRepository,
  ) {}

  /**
   * The content that is announced, when it is there and worth the while.
   * @throws Problem `content-type-not-allowed` (415) when it is not what may come
   */
  async find(upload: NewUploadSession, owner: UserPrincipal): Promise<KnownContent | undefined> {
    const { protocol, sha256, size, contentType } = upload;
    // tus has no word for it.
    if (protocol === 'tus' || sha256 === null || size < LEAST_PROVABLE) return undefined;
    const known = await this.contents.find(sha256, size, owner);
    if (known === undefined) return undefined;
    this.types.judge(contentType, known.detectedType ?? undefined);
    return known;
  }

  /**
   * A file of content that the user may download anyway.
   * @returns the session, which is over with that; undefined when a sweep has just taken the content away
   * @throws Problem `quota-exceeded` (507)
   */
  async take(
    upload: NewUploadSession,
    { blobId }: KnownContent,
    owner: UserPrincipal,
  ): Promise<UploadSession | undefined> {
    const { filename, contentType, visibility } = upload;
    let session: UploadSession | undefined;
    await this.publisher.publishKnown(
      { owner, filename, contentType, visibility },
      blobId,
      async (transaction, { id }) => {
        session = await this.sessions.insert(transaction, upload, { fileId: id });
      },
    );
    return session;
  }

  /** In the transaction that begins the session. @returns undefined when the user was asked often enough today */
  async challenge(
    transaction: EntityManager,
    { sha256, size }: NewUploadSession,
    { blobId }: KnownContent,
    owner: UserPrincipal,
  ): Promise<Challenge | undefined> {
    if (sha256 === null || !(await this.challenges.admit(transaction, owner, sha256))) return undefined;
    return newChallenge(blobId, size);
  }
}
