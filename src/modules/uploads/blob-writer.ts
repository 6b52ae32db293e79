import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { isUnavailable } from '../../common/problems/index.js';
import { PendingObjects, type StoredContent } from '../file-meta/index.js';
import { ContentDigest, insufficientStorage, newObjectKey, VolumeFull, Volumes } from '../storage/index.js';

/** Milliseconds between two signs of life of a long upload. */
const TOUCH_INTERVAL = 5 * 60_000;

/** Brings incoming bytes to the default volume and takes their hash on the way. */
@Injectable()
export class BlobWriter {
  constructor(
    private readonly volumes: Volumes,
    private readonly pending: PendingObjects,
  ) {}

  /**
   * @throws Problem `insufficient-storage` (507), AbortError, or what `source` fails with: then nothing is left; `dependency-unavailable`
   *   (503): then the sweep finds what is left
   */
  async write(tenantId: string, source: Readable, signal: AbortSignal): Promise<StoredContent> {
    const { name: volume, store } = this.volumes.default;
    const place = { volume, objectKey: newObjectKey(tenantId) };
    await this.pending.begin(tenantId, place);
    const touching = setInterval(() => void this.pending.touch(place).catch(() => undefined), TOUCH_INTERVAL);
    const digest = new ContentDigest();
    try {
      const storeTag = await store.write(place.objectKey, digest.through(source), signal);
      return { ...digest.facts(), ...place, storeTag };
    } catch (error) {
      // A store that is away may yet finish what it was sent: removed at once, that would come to be after its row has gone.
      if (!isUnavailable(error)) await this.pending.discard(place);
      throw error instanceof VolumeFull ? insufficientStorage(error) : error;
    } finally {
      clearInterval(touching);
    }
  }
}
