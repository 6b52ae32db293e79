import { Injectable, Logger } from '@nestjs/common';
import { Problem, unavailable } from '../../../common/problems/index.js';
import { tooManyRequests } from '../../../common/throttling/index.js';
import { type Actor, AuditTrail } from '../../auth/index.js';
import { contentMissing, verifyObject, type Verification, Volumes } from '../../storage/index.js';
import { FileAccess } from '../files/file-access.js';
import type { StoredFile } from '../files/stored-file.js';
import type { VerificationDto } from './verification.dto.js';

/** Seconds after which who was refused may ask again. */
const RETRY_AFTER = 5;

/** Whether the bytes of a file are still those that were published: for admins. */
@Injectable()
export class VerifyFileService {
  private readonly logger = new Logger('Storage');
  /** Reading as fast as the disk gives is felt by downloads: one at a time. */
  private busy = false;

  constructor(
    private readonly files: FileAccess,
    private readonly volumes: Volumes,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * @throws Problem of `FileAccess.open` (404, 410), `too-many-requests` (429) while another is verified, `dependency-unavailable`
   * (503) when the store cannot tell; the reason of `client`
   */
  async verify(id: string, actor: Actor, client: AbortSignal): Promise<VerificationDto> {
    const file = await this.files.open(id, actor.user, 'manage');
    if (this.busy) throw tooManyRequests('Another file is being verified.', RETRY_AFTER);
    this.busy = true;
    try {
      const found = await this.read(file, client);
      if (found.verdict !== 'intact') this.alert(file, found);
      await this.audit.note({
        ...actor,
        action: 'file.verify',
        outcome: 'ok',
        object: { kind: 'file', id },
        detail: { ...found },
      });
      return {
        fileId: id,
        verdict: found.verdict,
        size: file.size,
        sha256: file.sha256,
        foundSize: found.foundSize ?? null,
        foundSha256: found.foundSha256 ?? null,
        verifiedAt: new Date().toISOString(),
      };
    } finally {
      this.busy = false;
    }
  }

  private async read(file: StoredFile, client: AbortSignal): Promise<Verification> {
    try {
      return await verifyObject(this.volumes.get(file.volume).store, file.objectKey, file, client);
    } catch (error) {
      client.throwIfAborted();
      // A body that broke off says nothing about the object.
      throw error instanceof Problem ? error : unavailable(`the volume ${file.volume}`, error);
    }
  }

  /** For whoever watches the log: the same code as of a download that finds it out. */
  private alert({ id, tenantId, volume, objectKey, size, sha256 }: StoredFile, found: Verification): void {
    this.logger.error({
      msg: 'the content of a file is not what was stored',
      code: contentMissing(undefined).kind.code,
      ...found,
      fileId: id,
      tenantId,
      volume,
      storagePath: objectKey,
      size,
      sha256,
    });
  }
}
