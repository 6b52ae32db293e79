import { codeOf, Failure } from '../failures.js';
import { Passing, persistently } from '../retry.js';
import { retryAfterOf, type Service } from '../service.js';
import { PIECE, type PartFile } from './part-file.js';
import type { RemoteFile } from './remote-file.js';
import { lengthOf, type Span } from './spans.js';

/** The service has other content now than when the download began. */
export class ContentChanged extends Failure {}

/** Milliseconds without a byte until a connection is taken for dead. */
const SILENCE = 60_000;

/** One download over several connections; the cookie makes them one for the service too (docs/admission.md). */
export class SpanFetcher {
  private cookie: string | undefined;

  constructor(
    private readonly service: Service,
    private readonly remote: RemoteFile,
    private readonly part: PartFile,
    private readonly onBytes: (count: number) => void,
  ) {}

  /** Brings these bytes, by as many requests as it takes. @param onAnswer when the first answer has begun */
  async fetch({ first, last }: Span, onAnswer: () => void = () => undefined): Promise<void> {
    let next = first;
    await persistently(async (moved) => {
      const body = await this.answer({ first: next, last });
      onAnswer();
      for await (const bytes of body) {
        if (next + bytes.length > last + 1) throw new Failure('The answer is longer than it says.');
        await this.part.write(bytes, next);
        const before = next;
        next += bytes.length;
        this.onBytes(bytes.length);
        if (next > last || Math.floor(next / PIECE) > Math.floor(before / PIECE)) {
          await this.part.keep(Math.max(first, before - (before % PIECE)), next - 1);
          moved();
        }
      }
      if (next <= last) throw new Passing('The connection has ended too early.');
    }, this.service.patience);
  }

  private async answer(span: Span): Promise<AsyncIterable<Uint8Array>> {
    const { path, etag, size } = this.remote;
    const whole = lengthOf(span) === size;
    // If-Range is judged by the service alone: a plain request may be sent on to the store.
    const headers = {
      'Accept-Encoding': 'identity',
      ...(!whole && { Range: `bytes=${span.first}-${span.last}`, 'If-Range': etag }),
      ...(this.cookie !== undefined && { Cookie: this.cookie }),
    };
    let response = await this.service.once(path, { headers });
    this.remember(response);
    if (response.status === 302) response = await this.follow(response, span);
    else if (response.headers.get('ETag') !== etag) throw await changed(response);
    const { status } = response;
    const range = `bytes ${span.first}-${span.last}/${size}`;
    const isRight = whole
      ? status === 200
      : status === 206 && response.headers.get('Content-Range') === range;
    if (!isRight || response.body === null) {
      await response.body?.cancel();
      throw status >= 400 && status !== 416
        ? new Passing(`The store answers ${status}.`, retryAfterOf(response))
        : await changed(response);
    }
    return noisy(response.body, this.service.patience.signal);
  }

  /** To the store, which gets no credentials: what it may do stands in the URL. */
  private follow(response: Response, span: Span): Promise<Response> {
    const location = new URL(response.headers.get('Location') ?? '', this.service.url);
    const whole = lengthOf(span) === this.remote.size;
    return this.service.once(location, {
      headers: {
        'Accept-Encoding': 'identity',
        ...(!whole && { Range: `bytes=${span.first}-${span.last}` }),
      },
    });
  }

  private remember({ headers }: Response): void {
    const [cookie] = headers.getSetCookie().filter((text) => text.startsWith('dl='));
    if (cookie !== undefined) [this.cookie] = cookie.split(';', 1);
  }
}

async function changed(response: Response): Promise<ContentChanged> {
  await response.body?.cancel().catch(() => undefined);
  return new ContentChanged('The file has changed while it was downloaded.');
}

/** The body as long as it keeps coming. @throws Passing when it does not */
async function* noisy(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  const watch = setTimeout(() => {
    void reader.cancel();
  }, SILENCE);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      watch.refresh();
      yield value;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new Passing(`The connection is lost (${codeOf(error)}).`);
  } finally {
    clearTimeout(watch);
    await reader.cancel().catch(() => undefined);
  }
}
