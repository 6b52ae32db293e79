import { Injectable } from '@nestjs/common';
import { UploadConfig } from '../../../common/config/config.js';
import { isUnavailable, payloadTooLarge, Problem } from '../../../common/problems/index.js';
import type { UserPrincipal } from '../../auth/index.js';
import {
  ContentTypePolicy,
  type KnownContent,
  PendingObjects,
  StorageQuota,
  type Visibility,
} from '../../file-meta/index.js';
import { insufficientStorage, newObjectKey, VolumeFull, Volumes } from '../../storage/index.js';
import { chosenVolume } from '../chosen-volume.js';
import { storedContentType } from '../content-type.js';
import { directPartsOf } from '../direct/direct-parts-of.js';
import { InstantUpload } from '../instant/instant-upload.js';
import { reached } from '../upload-steps.js';
import { chunkSizeFor } from './chunk-plan.js';
import type { UploadProtocol, UploadSession } from './upload-session.js';
import { type NewUploadSession, UploadSessionsRepository } from './upload-sessions.repository.js';

/** What a client says of the file that it is going to send. */
export interface AnnouncedFile {
  readonly filename: string;
  /** Bytes. */
  readonly size: number;
  readonly contentType?: string | undefined;
  readonly visibility?: Visibility | undefined;
  /** 64 hex digits. */
  readonly sha256?: string | undefined;
  /** Bytes. */
  readonly chunkSize?: number | undefined;
  /** Name of a volume. */
  readonly volume?: string | undefined;
  /** `Upload-Metadata` of tus, as it came. */
  readonly metadata?: string | undefined;
}

/** Begins an upload in parts. */
@Injectable()
export class CreateUpload {
  constructor(
    private readonly config: UploadConfig,
    private readonly volumes: Volumes,
    private readonly pending: PendingObjects,
    private readonly quota: StorageQuota,
    private readonly types: ContentTypePolicy,
    private readonly sessions: UploadSessionsRepository,
    private readonly instant: InstantUpload,
  ) {}

  /**
   * The session is there before the store begins: what a crash leaves of it expires and is swept. A file whose content the user has already is
   * there at once.
   * @throws Problem `payload-too-large` (413), `content-type-not-allowed` (415), `direct-upload-unavailable` (422), `forbidden` (403), `validation-failed` (400),
   * `too-many-uploads` (429), `quota-exceeded` (507), `insufficient-storage` (507), `dependency-unavailable` (503); then nothing is left behind
   */
  async create(file: AnnouncedFile, protocol: UploadProtocol, owner: UserPrincipal): Promise<UploadSession> {
    const announced = this.accept(file, protocol, owner);
    const known = await this.instant.find(announced, owner);
    const done = known?.readable === true ? await this.instant.take(announced, known, owner) : undefined;
    return done ?? this.begin(announced, known, owner);
  }

  private accept(file: AnnouncedFile, protocol: UploadProtocol, owner: UserPrincipal): NewUploadSession {
    const { tenantId } = owner;
    const { size } = file;
    if (size > this.config.maxSize) {
      throw new Problem(payloadTooLarge, { detail: `A file may have at most ${this.config.maxSize} bytes.` });
    }
    const volume = chosenVolume(file.volume ?? '', owner, this.volumes) ?? this.volumes.default.name;
    const { parts } = this.volumes.get(volume);
    if (protocol === 'direct') directPartsOf(this.volumes.get(volume)).require();
    const contentType = storedContentType(file.contentType);
    this.types.judge(contentType);
    return {
      tenantId,
      ownerId: owner.userId,
      protocol,
      filename: file.filename,
      contentType,
      visibility: file.visibility ?? 'private',
      size,
      sha256: file.sha256?.toLowerCase() ?? null,
      chunkSize: chunkSizeFor(size, file.chunkSize ?? this.config.chunkSize, parts.minPartSize),
      volume,
      objectKey: newObjectKey(tenantId),
      metadata: file.metadata ?? null,
      expiresAt: new Date(Date.now() + this.config.sessionTtl * 1_000),
    };
  }

  private async begin(
    announced: NewUploadSession,
    known: KnownContent | undefined,
    owner: UserPrincipal,
  ): Promise<UploadSession> {
    const session = await this.insert(announced, known, owner);
    reached('session-inserted');
    try {
      const { parts } = this.volumes.get(session.volume);
      const handle = await parts.begin(session.objectKey, session.size);
      reached('object-begun');
      await this.sessions.setHandle(session, handle);
      reached('session-begun');
      return { ...session, handle };
    } catch (error) {
      await this.sessions.remove(session);
      // A store that is away may yet begin: left to the sweep.
      if (!isUnavailable(error)) await this.pending.discard(session);
      throw error instanceof VolumeFull ? insufficientStorage(error) : error;
    }
  }

  private insert(
    announced: NewUploadSession,
    known: KnownContent | undefined,
    owner: UserPrincipal,
  ): Promise<UploadSession> {
    return this.quota.transaction(owner, async (transaction) => {
      await this.pending.begin(transaction, announced.tenantId, announced, announced.expiresAt);
      await this.quota.reserve(transaction, owner, announced.size);
      // What the quota has locked keeps the user's other uploads out until the challenge is counted.
      const challenge = known && (await this.instant.challenge(transaction, announced, known, owner));
      return this.sessions.insert(transaction, announced, { challenge });
    });
  }
}
