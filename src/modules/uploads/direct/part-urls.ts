import { Injectable } from '@nestjs/common';
import { Problem, validationFailed } from '../../../common/problems/index.js';
import type { UserPrincipal } from '../../auth/index.js';
import { Volumes } from '../../storage/index.js';
import { chunkCountOf, chunkPlaceOf } from '../sessions/chunk-plan.js';
import { FindUpload } from '../sessions/find-upload.js';
import { openUploadOf, type UploadSession } from '../sessions/upload-session.js';
import { uploadBusy, uploadNotFound } from '../uploads.problems.js';
import { directPartsOf } from './direct-parts-of.js';
import type { PartUrlDto } from './part-urls.dto.js';

/** URLs that are given out at once. */
export const PARTS_AT_ONCE = 100;

/** Presigned URLs with which a client sends parts to the store itself. */
@Injectable()
export class PartUrls {
  constructor(
    private readonly uploads: FindUpload,
    private readonly volumes: Volumes,
  ) {}

  /**
   * @throws Problem `validation-failed` (400) for a part that there is not, `upload-not-found` (404), also for one whose parts come to us,
   * `upload-expired` (410), `upload-busy` (409) when it is being completed, `dependency-unavailable` (503)
   */
  async renew(uid: string, indexes: readonly number[], owner: UserPrincipal): Promise<PartUrlDto[]> {
    const session = await this.uploads.alive(uid, owner);
    if (session.protocol !== 'direct') throw uploadNotFound();
    if (session.status !== 'uploading') throw uploadBusy();
    return this.of(session, indexes);
  }

  /** Of the parts with which a client begins. */
  first(session: UploadSession): Promise<PartUrlDto[]> {
    const count = Math.min(chunkCountOf(session), PARTS_AT_ONCE);
    return this.of(session, [...Array(count).keys()]);
  }

  private async of(session: UploadSession, indexes: readonly number[]): Promise<PartUrlDto[]> {
    if (indexes.length === 0) return [];
    const places = indexes.map((index) => {
      const place = chunkPlaceOf(session, index);
      if (place !== undefined) return place;
      const message = `has ${index}; the parts are 0 to ${chunkCountOf(session) - 1}`;
      throw new Problem(validationFailed, { errors: [{ field: 'indexes', message }] });
    });
    const direct = directPartsOf(this.volumes.get(session.volume));
    const { urls, expiresAt } = await direct.presign(openUploadOf(session), places);
    return places.map(({ index, size }, at) => ({
      index,
      size,
      url: urls[at] ?? '',
      expiresAt: expiresAt.toISOString(),
    }));
  }
}
