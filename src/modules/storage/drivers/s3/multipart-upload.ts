import { abortUpload, beginUpload, completeUpload, partQuery } from './multipart-requests.js';
import { type NewObject, WRITE_PATIENCE, WRITE_RETRY_FOR } from './new-object.js';
import type { Part } from './parts.js';
import type { S3Client } from './s3-client.js';

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
   * @param sideBySide how many parts may be on their way while the next one comes in
   */
  constructor(
    private readonly client: S3Client,
    private readonly object: NewObject,
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
    return completeUpload(this.client, this.object, (await this.id) ?? '', this.etags);
  }

  /** Does nothing when the upload was never begun. A failure leaves it to `remove`, or to the bucket's lifecycle. */
  async abort(): Promise<void> {
    this.ending.abort(new DOMException('aborted', 'AbortError'));
    if (this.id === undefined) return;
    await Promise.allSettled(this.sending);
    await this.id
      .then((id) => abortUpload(this.client, this.object.name, id, { patience: ABORT_PATIENCE, retryFor: 0 }))
      .catch(() => undefined);
  }

  private async begin(): Promise<string> {
    await this.object.requireNew();
    return beginUpload(this.client, this.object.name);
  }

  /** May be sent again: a part replaces itself. */
  private async put(id: string, number: number, part: Part): Promise<void> {
    const { headers } = await this.client.ask({
      method: 'PUT',
      key: this.object.name,
      query: partQuery(id, number),
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
