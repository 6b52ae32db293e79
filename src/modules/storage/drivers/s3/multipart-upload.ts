import type { Part } from './parts.js';
import type { S3Client } from './s3-client.js';
import { completedTag, completeUpload, errorOf, uploadIdOf } from './s3-documents.js';
import { refusal } from './store-problems.js';

/**
 * Milliseconds: without a byte while a part is on its way, or while the store puts the parts together; and from the first attempt in
 * which a part is sent again. Together they keep the promise of a 503 within 20 s (DESIGN §5).
 */
export const WRITE_PATIENCE = 10_000;
export const WRITE_RETRY_FOR = 6_000;
/** Milliseconds for tidying up while the caller waits; what is left is found by the sweep. */
const ABORT_PATIENCE = 2_000;

/** An object that is sent in parts, and is not there before `complete`. */
export class MultipartUpload {
  /** Ends what is on its way when a part has failed or the upload is aborted. */
  private readonly ending = new AbortController();
  private id: Promise<string> | undefined;
  private count = 0;
  private readonly etags: string[] = [];
  private readonly sending = new Set<Promise<void>>();

  /**
   * @param name key within the bucket, prefix included
   * @param condition headers under which the object may come to be
   * @param sideBySide how many parts may be on their way while the next one comes in
   */
  constructor(
    private readonly client: S3Client,
    private readonly name: string,
    private readonly condition: Readonly<Record<string, string>>,
    private readonly sideBySide: () => number,
  ) {}

  /** Aborted with what a part has failed with, perhaps long before the next one comes. */
  get failed(): AbortSignal {
    return this.ending.signal;
  }

  /** The first one begins the upload. Resolves when the next part may come; `done` is called when the bytes are not needed any more. */
  async send(part: Part, done: () => void): Promise<void> {
    this.failed.throwIfAborted();
    const id = await (this.id ??= this.begin());
    this.count += 1;
    const sent = this.put(id, this.count, part).then(
      () => {
        this.sending.delete(sent);
        done();
      },
      (error: unknown) => {
        this.ending.abort(error);
        throw error;
      },
    );
    // `complete` hears of it, or whoever asks `failed`.
    sent.catch(() => undefined);
    this.sending.add(sent);
    while (this.sending.size > this.sideBySide()) await Promise.race(this.sending);
  }

  /** @returns the object's entity tag */
  async complete(): Promise<string | undefined> {
    await Promise.all(this.sending);
    const { body } = await this.client.ask({
      method: 'POST',
      key: this.name,
      query: `uploadId=${encodeURIComponent((await this.id) ?? '')}`,
      headers: { ...this.condition, 'Content-Type': 'application/xml' },
      body: completeUpload(this.etags),
      expect: [200],
      patience: WRITE_PATIENCE,
      retryFor: WRITE_RETRY_FOR,
    });
    // It may say 200, and then that it failed (S3 API, CompleteMultipartUpload).
    const error = errorOf(body);
    if (error.code !== undefined) throw refusal(200, error);
    return completedTag(body);
  }

  /** Does nothing when the upload was never begun. A failure leaves it to `remove`, or to the bucket's lifecycle. */
  async abort(): Promise<void> {
    this.ending.abort(new DOMException('aborted', 'AbortError'));
    if (this.id === undefined) return;
    await Promise.allSettled(this.sending);
    await this.id
      .then((id) => abortUpload(this.client, this.name, id, { patience: ABORT_PATIENCE, retryFor: 0 }))
      .catch(() => undefined);
  }

  private async begin(): Promise<string> {
    const { body } = await this.client.ask({
      method: 'POST',
      key: this.name,
      query: 'uploads=',
      expect: [200],
    });
    return uploadIdOf(body);
  }

  /** May be sent again: a part replaces itself. */
  private async put(id: string, number: number, part: Part): Promise<void> {
    const { headers } = await this.client.ask({
      method: 'PUT',
      key: this.name,
      query: `partNumber=${number}&uploadId=${encodeURIComponent(id)}`,
      body: part.bytes,
      sha256: part.sha256(),
      expect: [200],
      signal: this.ending.signal,
      idempotent: true,
      patience: WRITE_PATIENCE,
      retryFor: WRITE_RETRY_FOR,
    });
    this.etags[number - 1] = headers.etag ?? '';
  }
}

/** One that is not there any more is no error. */
export async function abortUpload(
  client: S3Client,
  name: string,
  id: string,
  limits: { readonly patience?: number; readonly retryFor?: number } = {},
): Promise<void> {
  await client.ask({
    method: 'DELETE',
    key: name,
    query: `uploadId=${encodeURIComponent(id)}`,
    expect: [200, 204, 404],
    idempotent: true,
    ...limits,
  });
}
