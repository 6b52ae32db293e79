import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { UploadConfig } from '../../../common/config/config.js';
import { isUnavailable, payloadTooLarge, Problem } from '../../../common/problems/index.js';
import type { UserPrincipal } from '../../auth/index.js';
import { PendingObjects, type Visibility } from '../../file-meta/index.js';
import { insufficientStorage, newObjectKey, VolumeFull, Volumes } from '../../storage/index.js';
import { chosenVolume } from '../chosen-volume.js';
import { storedContentType } from '../content-type.js';
import { reached } from '../upload-steps.js';
import { chunkSizeFor } from './chunk-plan.js';
import type { UploadProtocol, UploadSession } from './upload-session.js';
import { UploadSessionsRepository } from './upload-sessions.repository.js';

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
    @InjectDataSource() private readonly database: DataSource,
    private readonly config: UploadConfig,
    private readonly volumes: Volumes,
    private readonly pending: PendingObjects,
    private readonly sessions: UploadSessionsRepository,
  ) {}

  /**
   * The session is there before the store begins: what a crash leaves of it expires and is swept.
   * @throws Problem `payload-too-large` (413), `forbidden` (403), `validation-failed` (400), `insufficient-storage` (507),
   * `dependency-unavailable` (503); then nothing is left behind
   */
  async create(file: AnnouncedFile, protocol: UploadProtocol, owner: UserPrincipal): Promise<UploadSession> {
    const session = await this.insert(file, protocol, owner);
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
    file: AnnouncedFile,
    protocol: UploadProtocol,
    owner: UserPrincipal,
  ): Promise<UploadSession> {
    const { tenantId } = owner;
    const { size } = file;
    if (size > this.config.maxSize) {
      throw new Problem(payloadTooLarge, { detail: `A file may have at most ${this.config.maxSize} bytes.` });
    }
    const volume = chosenVolume(file.volume ?? '', owner, this.volumes) ?? this.volumes.default.name;
    const { parts } = this.volumes.get(volume);
    const place = { volume, objectKey: newObjectKey(tenantId) };
    const expiresAt = new Date(Date.now() + this.config.sessionTtl * 1_000);
    return this.database.transaction(async (transaction) => {
      await this.pending.begin(transaction, tenantId, place, expiresAt);
      return this.sessions.insert(transaction, {
        ...place,
        tenantId,
        ownerId: owner.userId,
        protocol,
        filename: file.filename,
        contentType: storedContentType(file.contentType),
        visibility: file.visibility ?? 'private',
        size,
        sha256: file.sha256?.toLowerCase() ?? null,
        chunkSize: chunkSizeFor(size, file.chunkSize ?? this.config.chunkSize, parts.minPartSize),
        metadata: file.metadata ?? null,
        expiresAt,
      });
    });
  }
}
