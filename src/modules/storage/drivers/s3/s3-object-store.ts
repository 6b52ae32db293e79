import { createHash } from 'node:crypto';
import { addAbortSignal, type Readable } from 'node:stream';
import type { S3Volume } from '../../../../common/config/config.js';
import type { ByteRange } from '../../../../common/http/index.js';
import type { ObjectKey } from '../../object-key.js';
import { ObjectExists, ObjectNotFound, ObjectStore, VolumeFull } from '../../object-store.js';
import { partsOf } from './part-source.js';
import { S3Client } from './s3-client.js';
import { completedTag, errorCode, incompleteUploads, uploadIdOf } from './s3-documents.js';
import { StoreAway, StoreError, storeProblem } from './store-problems.js';

/** Smaller parts are refused, except the last. */
const MIN_PART = 5 * 2 ** 20;
/** An upload has at most this many parts. */
const MAX_PARTS = 10_000;
/** Milliseconds without a byte while a part of 5 MiB or more is on its way. */
const PART_PATIENCE = 15_000;

/** Objects in a bucket, below the volume's prefix. */
export class S3ObjectStore extends ObjectStore {
  private readonly client: S3Client;

  /** @param conditionalWrites whether the store keeps `If-None-Match` on writes; undefined while nobody knows */
  constructor(
    private readonly volume: S3Volume,
    private readonly conditionalWrites: () => boolean | undefined = () => undefined,
  ) {
    super();
    this.client = new S3Client(volume);
  }

  override async write(key: ObjectKey, source: Readable, signal: AbortSignal): Promise<string | undefined> {
    let uploadId: string | undefined;
    const etags: string[] = [];
    try {
      for await (const { bytes, last } of partsOf(addAbortSignal(signal, source), partSize)) {
        if (last && uploadId === undefined) {
          return await this.put(key, bytes, signal);
        }
        uploadId ??= await this.begin(key, signal);
        etags.push(await this.putPart(key, uploadId, etags.length + 1, bytes, signal));
      }
      return await this.complete(key, uploadId ?? '', etags, signal);
    } catch (error) {
      source.destroy();
      if (uploadId !== undefined) await this.abort(key, uploadId);
      throw translate(error);
    }
  }

  override async read(key: ObjectKey, { first, last }: ByteRange, signal: AbortSignal): Promise<Readable> {
    const response = await this.client
      .send({
        method: 'GET',
        key: this.nameOf(key),
        headers: { Range: `bytes=${first}-${last}` },
        expect: [206],
        signal,
        idempotent: true,
      })
      .catch((error: unknown) => {
        throw translate(error);
      });
    const length = Number(response.headers['content-length']);
    if (length !== last - first + 1) {
      response.destroy();
      throw new Error(`the store sends ${length} bytes of ${last - first + 1}`);
    }
    return addAbortSignal(signal, response);
  }

  override async size(key: ObjectKey): Promise<number> {
    const { headers } = await this.client
      .ask({ method: 'HEAD', key: this.nameOf(key), expect: [200], idempotent: true })
      .catch((error: unknown) => {
        throw translate(error);
      });
    return Number(headers['content-length']);
  }

  override async remove(key: ObjectKey): Promise<void> {
    try {
      for (const uploadId of await this.incompleteOf(key)) await this.abort(key, uploadId);
      await this.client.ask({
        method: 'DELETE',
        key: this.nameOf(key),
        expect: [200, 204, 404],
        idempotent: true,
      });
    } catch (error) {
      throw translate(error);
    }
  }

  private async put(key: ObjectKey, bytes: Buffer, signal: AbortSignal): Promise<string | undefined> {
    await this.requireNew(key);
    const { headers } = await this.client.ask({
      method: 'PUT',
      key: this.nameOf(key),
      headers: { ...this.newOnly(), 'Content-MD5': md5(bytes) },
      body: bytes,
      expect: [200],
      signal,
      patience: PART_PATIENCE,
    });
    return headers.etag;
  }

  private async begin(key: ObjectKey, signal: AbortSignal): Promise<string> {
    await this.requireNew(key);
    const { body } = await this.client.ask({
      method: 'POST',
      key: this.nameOf(key),
      query: 'uploads=',
      expect: [200],
      signal,
    });
    return uploadIdOf(body);
  }

  /** May be sent again: a part replaces itself. @returns its ETag */
  private async putPart(
    key: ObjectKey,
    uploadId: string,
    number: number,
    bytes: Buffer,
    signal: AbortSignal,
  ): Promise<string> {
    const { headers } = await this.client.ask({
      method: 'PUT',
      key: this.nameOf(key),
      query: `partNumber=${number}&uploadId=${encodeURIComponent(uploadId)}`,
      headers: { 'Content-MD5': md5(bytes) },
      body: bytes,
      expect: [200],
      signal,
      idempotent: true,
      patience: PART_PATIENCE,
    });
    return headers.etag ?? '';
  }

  private async complete(
    key: ObjectKey,
    uploadId: string,
    etags: readonly string[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const parts = etags.map(
      (etag, index) =>
        `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag.replaceAll('"', '&quot;')}</ETag></Part>`,
    );
    const { body } = await this.client.ask({
      method: 'POST',
      key: this.nameOf(key),
      query: `uploadId=${encodeURIComponent(uploadId)}`,
      headers: { ...this.newOnly(), 'Content-Type': 'application/xml' },
      body: `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`,
      expect: [200],
      signal,
      // The store may put gigabytes together before it answers.
      patience: 60_000,
    });
    // It may say 200, and then that it failed (S3 API, CompleteMultipartUpload).
    const code = errorCode(body);
    if (code !== undefined) throw new StoreError(code, `the upload was not completed: ${code}`);
    return completedTag(body);
  }

  private async abort(key: ObjectKey, uploadId: string): Promise<void> {
    await this.client
      .ask({
        method: 'DELETE',
        key: this.nameOf(key),
        query: `uploadId=${encodeURIComponent(uploadId)}`,
        expect: [200, 204, 404],
        idempotent: true,
      })
      // What is left is found by `remove`, or goes by the bucket's lifecycle.
      .catch(() => undefined);
  }

  private async incompleteOf(key: ObjectKey): Promise<string[]> {
    const name = this.nameOf(key);
    const { body } = await this.client.ask({
      method: 'GET',
      query: `prefix=${encodeURIComponent(name)}&uploads=`,
      expect: [200],
      idempotent: true,
    });
    return incompleteUploads(body, name);
  }

  /**
   * Where the store would not refuse to replace an object, it is asked whether there is one. Another writer may come between the
   * question and the write; but there is none, since a key is 128 random bits, made for one upload and never used again (RULES 6.1).
   */
  private async requireNew(key: ObjectKey): Promise<void> {
    if (this.conditionalWrites() === true) return;
    try {
      await this.size(key);
    } catch (error) {
      if (error instanceof ObjectNotFound) return;
      throw error;
    }
    throw new ObjectExists('the key is taken');
  }

  /** A write never replaces an object (RFC 9110 §13.1.2). Stores that do not know the header may refuse the request for it. */
  private newOnly(): Record<string, string> {
    return this.conditionalWrites() === false ? {} : { 'If-None-Match': '*' };
  }

  private nameOf(key: ObjectKey): string {
    return this.volume.prefix + key;
  }
}

/** Grows, so that 10,000 parts hold the 5 TiB that an object may have, and small uploads need little memory. */
function partSize(index: number): number {
  const step = Math.floor((index * 8) / MAX_PARTS);
  return MIN_PART * 4 ** step;
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('base64');
}

const TAKEN = new Set(['PreconditionFailed', 'ConditionalRequestConflict', 'OperationAborted']);
const MISSING = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload']);
const FULL = new Set([
  'XMinioStorageFull',
  'QuotaExceeded',
  'EntityTooLarge',
  'XMinioAdminBucketQuotaExceeded',
]);

function translate(error: unknown): unknown {
  if (error instanceof StoreAway) return storeProblem(error);
  if (!(error instanceof StoreError)) return error;
  if (TAKEN.has(error.code)) return new ObjectExists('the key is taken', { cause: error });
  if (MISSING.has(error.code)) return new ObjectNotFound('no such object', { cause: error });
  if (FULL.has(error.code)) return new VolumeFull('no room', { cause: error });
  return error;
}
