import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { isUnavailable } from '../../../common/problems/index.js';
import {
  ContentDigest,
  type ContentFacts,
  insufficientStorage,
  newObjectKey,
  VolumeFull,
  Volumes,
} from '../../storage/index.js';
import { type ObjectPlace, PendingObjects } from './pending-objects.js';

/** Bytes that are in their place, under an object that is still pending. */
export interface StoredContent extends ContentFacts, ObjectPlace {
  /** The store's own entity tag, where it has one. */
  readonly storeTag: string | undefined;
  /** Media type that its first bytes look like, where they look like any. */
  readonly detectedType?: string | undefined;
}

/** Brings bytes to a new object and takes their hash on the way. */
@Injectable()
export class BlobWriter {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly volumes: Volumes,
    private readonly pending: PendingObjects,
  ) {}

  /**
   * @param volume its name
   * @throws Problem `insufficient-storage` (507), AbortError, or what `source` fails with: then nothing is left; `dependency-unavailable`
   *   (503): then the sweep finds what is left
   */
  async write(
    tenantId: string,
    volume: string,
    source: Readable,
    signal: AbortSignal,
  ): Promise<StoredContent> {
    const { store } = this.volumes.get(volume);
    const place = { volume, objectKey: newObjectKey(tenantId) };
    await this.pending.begin(this.database.manager, tenantId, place);
    const stop = this.pending.keepAlive(place);
    const digest = new ContentDigest();
    try {
      const storeTag = await store.write(place.objectKey, digest.through(source), signal);
      return { ...digest.facts(), ...place, storeTag };
    } catch (error) {
      // A store that is away may yet finish what it was sent: removed at once, that would come to be after its row has gone.
      if (!isUnavailable(error)) await this.pending.discard(place);
      throw error instanceof VolumeFull ? insufficientStorage(error) : error;
    } finally {
      stop();
    }
  }
}
