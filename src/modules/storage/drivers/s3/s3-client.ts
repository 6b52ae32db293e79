import { createHash } from 'node:crypto';
import type { Agent, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'minio';
import type { S3Volume } from '../../../../common/config/config.js';
import { PartLength } from '../../part-store.js';
import { Circuit } from './circuit.js';
import { errorOf } from './s3-documents.js';
import { addressOf, agentOf, exchange, protocolOf, transportOf } from './s3-transport.js';
import { StoreBody } from './store-body.js';
import { refusal, StoreAway, StoreError } from './store-problems.js';
import { putStreamed, SourceFailed, type StreamedPut } from './streamed-put.js';

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Key within the bucket, prefix included; none is the bucket itself. */
  readonly key?: string;
  /** Encoded. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** SHA-256 of the body in hex, where it is known already. The store checks it (SigV4, `x-amz-content-sha256`). */
  readonly sha256?: string;
  /** Statuses that are no error. */
  readonly expect: readonly number[];
  readonly signal?: AbortSignal | undefined;
  /** Whether it may be sent again when it is not known whether the store has acted. */
  readonly idempotent?: boolean;
  /** Milliseconds without progress; a store that hangs is not waited for longer. */
  readonly patience?: number;
  /** Milliseconds from the first attempt in which another may begin. */
  readonly retryFor?: number;
}

export interface S3Answer<Body> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Body;
}

const PATIENCE = 5_000;
const RETRY_FOR = 500;
/** Milliseconds before the first retry, and at most; each waits twice as long as the one before, all of them with jitter. */
const RETRY_AFTER = 50;
const MAX_RETRY_AFTER = 1_000;
/** Bytes of a body that are sent at a time. */
const SLICE = 256 * 1024;
/** Bytes: of a longer one the end is of no use to us. */
const MAX_DOCUMENT = 2 ** 20;

/** Signed requests to one bucket (SigV4, path-style), over kept connections, with deadlines, retries and a circuit. */
export class S3Client {
  private readonly client: Client;
  private readonly circuit = new Circuit();
  private readonly agent: Agent;

  constructor(private readonly volume: S3Volume) {
    this.agent = agentOf(volume);
    const { hostname, port } = addressOf(volume);
    const protocol = protocolOf(volume);
    this.client = new Client({
      endPoint: hostname,
      port,
      useSSL: protocol === 'https:',
      accessKey: volume.accessKey,
      secretKey: volume.secretKey,
      region: volume.region,
      pathStyle: true,
      transport: transportOf(protocol),
      transportAgent: this.agent,
      // Retries are decided here, where it is known what may be sent twice.
      retryOptions: { disableRetry: true },
    });
    // Over TLS too the store is to compare what it has got with what was meant.
    this.client.enableSHA256 = true;
  }

  /**
   * @returns the answer; its body is to be read or destroyed
   * @throws StoreError for what the store refuses, StoreAway when it does not serve, AbortError
   */
  open(request: S3Request): Promise<S3Answer<StoreBody>> {
    return this.persist(request, (response) => Promise.resolve(bodyOf(response, request)));
  }

  /** For answers whose body is a small document, or nothing. */
  ask(request: S3Request): Promise<S3Answer<string>> {
    return this.persist(request, (response) => documentOf(bodyOf(response, request)));
  }

  /**
   * A PUT whose body comes while it is sent. It is sent once, since its source is gone then.
   * @returns the answer's headers
   * @throws PartLength, StoreError, StoreAway, AbortError, what the source fails with
   */
  async put(request: StreamedPut): Promise<IncomingHttpHeaders> {
    const { source, signal } = request;
    try {
      await this.tryOut(signal);
      return await this.circuit.run(() => this.attemptPut(request));
    } finally {
      // Also one that nobody has read yet.
      source.destroy();
    }
  }

  /** A request that lasts is not the one by which a store is tried that has been away: all others would wait for its end. */
  private async tryOut(signal: AbortSignal): Promise<void> {
    if (!this.circuit.suspects) return;
    const question = { method: 'GET', query: 'location=', expect: [200], signal } as const;
    await this.ask(question).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
    });
  }

  private async attemptPut(request: StreamedPut): Promise<IncomingHttpHeaders> {
    const { signal, patience } = request;
    try {
      const response = await exchange({ patience, signal }, (watch) =>
        putStreamed(this.volume, this.agent, request, watch),
      );
      const { statusCode: status = 0, headers } = response;
      const document = await documentOf(new StoreBody(response, patience));
      const error = errorOf(document);
      if (BROKEN_ON_THE_WAY.has(error.code ?? ''))
        throw new StoreAway(`the store got other bytes (${error.code ?? ''})`);
      if (status !== 200) throw refusal(status, error);
      if (!request.source.readableEnded) throw new StoreAway('the store answered before it had all');
      return headers;
    } catch (error) {
      if (error instanceof SourceFailed && !signal.aborted) throw error.cause;
      throw error instanceof PartLength ? error : translate(error, signal);
    }
  }

  /** Who has waited for a store that hangs is not sent to wait again: only what fails soon is tried once more. */
  private async persist<Body>(
    request: S3Request,
    read: (response: IncomingMessage) => Promise<Body>,
  ): Promise<S3Answer<Body>> {
    const { signal, idempotent = false, retryFor = RETRY_FOR } = request;
    const until = performance.now() + retryFor;
    for (let delay = RETRY_AFTER; ; delay = Math.min(2 * delay, MAX_RETRY_AFTER)) {
      try {
        return await this.circuit.run(() => this.attempt(request, read));
      } catch (error) {
        const again = error instanceof StoreAway && (idempotent || !error.acted);
        const wait = delay * (0.5 + Math.random());
        if (!again || performance.now() + wait > until) throw error;
        await sleep(wait, undefined, { signal });
      }
    }
  }

  private async attempt<Body>(
    request: S3Request,
    read: (response: IncomingMessage) => Promise<Body>,
  ): Promise<S3Answer<Body>> {
    const { method, key, query, headers, body = '', sha256 = sha256Of(body), expect, signal } = request;
    signal?.throwIfAborted();
    try {
      const response = await exchange({ patience: request.patience ?? PATIENCE, signal }, (watch) =>
        this.client.makeRequestStreamAsync(
          {
            method,
            bucketName: this.volume.bucket,
            headers: {
              ...headers,
              ...(METHODS_WITH_BODY.has(method) && { 'content-length': lengthOf(body) }),
            },
            ...(key !== undefined && { objectName: key }),
            ...(query !== undefined && { query }),
          },
          typeof body === 'string' ? body : slicesOf(body, watch.store),
          sha256,
          [],
          '',
        ),
      );
      const { statusCode: status = 0, headers: answered } = response;
      if (!expect.includes(status)) {
        throw refusal(status, errorOf(await documentOf(bodyOf(response, request)).catch(() => '')));
      }
      return { status, headers: answered, body: await read(response) };
    } catch (error) {
      throw translate(error, signal);
    }
  }
}

const METHODS_WITH_BODY = new Set(['PUT', 'POST', 'DELETE']);

function lengthOf(body: Buffer | string): string {
  return String(Buffer.byteLength(body));
}

function sha256Of(body: Buffer | string): string {
  return createHash('sha256').update(body).digest('hex');
}

/** One after the other, each when the one before is with the kernel: so it shows that the store goes on reading. */
function slicesOf(body: Buffer, progress: () => void): Readable {
  let at = 0;
  return new Readable({
    highWaterMark: SLICE,
    read() {
      progress();
      const slice = body.subarray(at, (at += SLICE));
      this.push(slice.length > 0 ? slice : null);
    },
  });
}

function bodyOf(response: IncomingMessage, { patience = PATIENCE }: S3Request): StoreBody {
  return new StoreBody(response, patience);
}

async function documentOf(body: StoreBody): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    // Leaving the loop destroys the body.
    if ((length += chunk.length) > MAX_DOCUMENT) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What a store says of a body that is not what was signed: another attempt may come through whole. */
const BROKEN_ON_THE_WAY = new Set(['SignatureDoesNotMatch', 'XAmzContentSHA256Mismatch', 'IncompleteBody']);

/** A connection that was never made has carried nothing. */
const NOT_CONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

function translate(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return new DOMException('aborted', 'AbortError');
  if (error instanceof StoreError || error instanceof StoreAway) return error;
  // What is left comes from the socket: refused, reset, unknown host, a certificate that does not hold.
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return new StoreAway(message, { acted: !NOT_CONNECTED.has(code), cause: error });
}
