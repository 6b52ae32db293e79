import { addAbortSignal, type Readable } from 'node:stream';
import type { S3Volume } from '../../../../common/config/config.js';
import type { ByteRange } from '../../../../common/http/index.js';
import type { ObjectKey } from '../../object-key.js';
import { ObjectStore, VolumeFull } from '../../object-store.js';
import { contentMissing } from '../../storage.problems.js';
import { abortUpload } from './multipart-requests.js';
import { MultipartUpload } from './multipart-upload.js';
import { headOf, newObject, type NewObject, putObject } from './new-object.js';
import { objectError, translated } from './object-errors.js';
import { type Part, Parts } from './parts.js';
import { S3Client } from './s3-client.js';
import { incompleteUploads } from './s3-documents.js';
import { tailsOf } from './s3-tail-store.js';

/** Bytes. At least 5 MiB are asked for, except of the last; fewer and larger ones cost a store less. */
const PART = 8 * 2 ** 20;
/** An upload has at most this many parts. */
const MAX_PARTS = 10_000;

/** Parts that one upload, and that all together may have on their way while each has another coming in: this bounds the memory. */
const SIDE_BY_SIDE = 3;
const ALL_TOGETHER = 8;

/** Objects in a bucket, below the volume's prefix. */
export class S3ObjectStore extends ObjectStore {
  private readonly client: S3Client;
  private writing = 0;

  /** @param conditionalWrites whether the store keeps `If-None-Match`; undefined while that is not known */
  constructor(
    private readonly volume: S3Volume,
    private readonly conditionalWrites: () => boolean | undefined = () => undefined,
  ) {
    super();
    this.client = new S3Client(volume);
  }

  override async write(key: ObjectKey, source: Readable, signal: AbortSignal): Promise<string | undefined> {
    const object = this.newObject(key);
    const upload = new MultipartUpload(this.client, object, () => this.sideBySide());
    this.writing += 1;
    try {
      const whole = await unlessEnded(
        [signal, upload.failed],
        sendParts(addAbortSignal(signal, source), upload),
      );
      // From here on there is no way back: who gives up now would not know what there is.
      return await (whole === undefined
        ? upload.complete()
        : putObject(this.client, object, whole.bytes, whole.sha256()));
    } catch (error) {
      source.destroy();
      await upload.abort();
      throw objectError(error);
    } finally {
      this.writing -= 1;
    }
  }

  override async read(key: ObjectKey, { first, last }: ByteRange, signal: AbortSignal): Promise<Readable> {
    const { headers, body } = await translated(
      this.client.open({
        method: 'GET',
        key: this.nameOf(key),
        headers: { Range: `bytes=${first}-${last}` },
        expect: [206],
        signal,
        idempotent: true,
      }),
    );
    const range = headers['content-range'] ?? '';
    if (!range.startsWith(`bytes ${first}-${last}/`)) {
      body.destroy();
      throw contentMissing(new Error(`the store sends "${range}" of ${this.volume.name}/${key}`));
    }
    return addAbortSignal(signal, body);
  }

  override async size(key: ObjectKey): Promise<number> {
    const { size } = await translated(headOf(this.client, this.nameOf(key)));
    return size;
  }

  override async remove(key: ObjectKey): Promise<void> {
    const name = this.nameOf(key);
    try {
      for (const id of await this.incompleteOf(name)) await abortUpload(this.client, name, id);
      for (const tail of await tailsOf(this.client, name)) await this.delete(tail);
      await this.delete(name);
    } catch (error) {
      throw objectError(error);
    }
  }

  private async incompleteOf(name: string): Promise<string[]> {
    const { body } = await this.client.ask({
      method: 'GET',
      query: `prefix=${encodeURIComponent(name)}&uploads=`,
      expect: [200],
      idempotent: true,
    });
    return incompleteUploads(body, name);
  }

  private async delete(name: string): Promise<void> {
    await this.client.ask({ method: 'DELETE', key: name, expect: [200, 204, 404], idempotent: true });
  }

  private sideBySide(): number {
    return Math.min(SIDE_BY_SIDE, Math.floor(ALL_TOGETHER / this.writing));
  }

  private newObject(key: ObjectKey): NewObject {
    return newObject(this.client, this.nameOf(key), this.conditionalWrites());
  }

  private nameOf(key: ObjectKey): string {
    return this.volume.prefix + key;
  }
}

/** @returns the one part that a small object is, instead of sending it */
async function sendParts(source: Readable, upload: MultipartUpload): Promise<Part | undefined> {
  const parts = new Parts(source, partSize);
  let first = true;
  for await (const { part, last } of parts.read()) {
    if (first && last) return part;
    first = false;
    await upload.send(part, () => {
      parts.put(part);
    });
  }
  return undefined;
}

/** @throws AbortError or the reason of the second as soon as one is aborted, whatever `work` is waiting for */
async function unlessEnded<T>([aborted, failed]: [AbortSignal, AbortSignal], work: Promise<T>): Promise<T> {
  const listening = new AbortController();
  const ended = new Promise<never>((_, reject) => {
    const { signal } = listening;
    const abort = (): void => {
      reject(new DOMException('aborted', 'AbortError'));
    };
    if (aborted.aborted) abort();
    aborted.addEventListener('abort', abort, { signal });
    failed.addEventListener(
      'abort',
      () => {
        reject(failed.reason as Error);
      },
      { signal },
    );
  });
  try {
    return await Promise.race([work, ended]);
  } finally {
    listening.abort();
  }
}

/**
 * All the same for the first 40 GiB, since some stores want that; then twice as large after each 1,000, up to 128 MiB: 400 GiB
 * in all.
 * @throws VolumeFull when the object has too many parts
 */
function partSize(index: number): number {
  if (index >= MAX_PARTS) throw new VolumeFull(`an object of this volume has at most ${MAX_PARTS} parts`);
  return PART * 2 ** Math.min(4, Math.max(0, Math.floor(index / 1_000) - 4));
}
