import type { Readable } from 'node:stream';
import type { S3Volume } from '../../../../common/config/config.js';
import type { ObjectKey } from '../../object-key.js';
import { ObjectExists, ObjectNotFound } from '../../object-store.js';
import { type OpenUpload, type PartPlace, PartStore } from '../../part-store.js';
import { beginUpload, completeUpload, partQuery } from './multipart-requests.js';
import { headOf, newObject, putObject } from './new-object.js';
import { objectError, translated } from './object-errors.js';
import { S3Client } from './s3-client.js';
import { uriEncode } from './signature-v4.js';
import { StoreAway, StoreError } from './store-problems.js';

/** Milliseconds. A part is sent once: so the store has longer for it than where there is another attempt, and still within 20 s. */
const PART_PATIENCE = 15_000;
/** Milliseconds that a caller who is told 503 anyway waits for the reason. */
const ASK_PATIENCE = 2_000;

/** Parts of multipart uploads; the handle is the store's id of one. An empty object has neither. */
export class S3PartStore extends PartStore {
  /** S3 API, "Multipart upload limits". */
  override readonly minPartSize = 5 * 2 ** 20;
  private readonly client: S3Client;

  /** @param conditionalWrites whether the store keeps `If-None-Match`; undefined while that is not known */
  constructor(
    private readonly volume: S3Volume,
    private readonly conditionalWrites: () => boolean | undefined = () => undefined,
  ) {
    super();
    this.client = new S3Client(volume);
  }

  override begin(key: ObjectKey, size: number): Promise<string> {
    if (size === 0) return Promise.resolve('');
    return translated(beginUpload(this.client, this.nameOf(key)));
  }

  /** The store checks every byte against signatures that are made while they pass. */
  override async writePart(
    { key, handle }: OpenUpload,
    { index, size }: PartPlace,
    source: Readable,
    signal: AbortSignal,
  ): Promise<string> {
    const name = this.nameOf(key);
    const query = partQuery(handle, index + 1);
    const put = { key: name, query, source, size, signal, patience: PART_PATIENCE };
    try {
      const { etag = '' } = await this.client.put(put);
      return etag;
    } catch (error) {
      throw objectError(error instanceof StoreAway ? await this.reason(name, handle, error) : error);
    }
  }

  override async complete(upload: OpenUpload, tags: readonly string[]): Promise<string | undefined> {
    const object = newObject(this.client, this.nameOf(upload.key), this.conditionalWrites());
    try {
      if (upload.size === 0) return await translated(putObject(this.client, object, Buffer.alloc(0)));
      await translated(object.requireNew());
      return await translated(completeUpload(this.client, object, upload.handle, tags));
    } catch (error) {
      if (!(error instanceof ObjectExists || error instanceof ObjectNotFound)) throw error;
      // A key is of one upload: what is there is what an earlier attempt has made, whose answer was lost.
      const there = await translated(this.find(object.name));
      if (there?.size === upload.size) return there.etag;
      throw error;
    }
  }

  /** A store that closes in the middle of a body may have said before why, and was not heard. */
  private async reason(name: string, handle: string, error: StoreAway): Promise<unknown> {
    const query = `max-parts=1&uploadId=${uriEncode(handle)}`;
    return this.client
      .ask({ method: 'GET', key: name, query, expect: [200], patience: ASK_PATIENCE, retryFor: 0 })
      .then(
        () => error,
        (reason: unknown) =>
          reason instanceof StoreError && reason.code === 'NoSuchUpload' ? reason : error,
      );
  }

  private async find(name: string): Promise<{ size: number; etag?: string } | undefined> {
    try {
      return await headOf(this.client, name);
    } catch (error) {
      if (error instanceof StoreError && error.code === 'NotFound') return undefined;
      throw error;
    }
  }

  private nameOf(key: ObjectKey): string {
    return this.volume.prefix + key;
  }
}
