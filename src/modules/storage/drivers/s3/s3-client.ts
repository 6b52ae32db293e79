import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, S3Error } from 'minio';
import type { S3Volume } from '../../../../common/config/config.js';
import { Circuit } from './circuit.js';
import { agentOf, protocolOf, transportOf, withLimits } from './s3-transport.js';
import { StoreAway, StoreError } from './store-problems.js';

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Key within the bucket, prefix included; none is the bucket itself. */
  readonly key?: string;
  /** Encoded. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** Statuses that are no error. */
  readonly expect: readonly number[];
  readonly signal?: AbortSignal | undefined;
  /** Whether it may be sent again when no answer came. */
  readonly idempotent?: boolean;
  /** Milliseconds without a byte; a store that hangs is not waited for longer. */
  readonly patience?: number;
}

const PATIENCE = 5_000;
const RETRIES = 2;
/** Milliseconds before the first retry; each further waits twice as long, all of them with jitter. */
const RETRY_AFTER = 50;

/** Signed requests to one bucket (SigV4, path-style), over kept connections, with deadlines, retries and a circuit. */
export class S3Client {
  private readonly client: Client;
  private readonly circuit = new Circuit();

  private readonly bucket: string;

  constructor(volume: S3Volume) {
    this.bucket = volume.bucket;
    const { hostname, port } = new URL(volume.endpoint);
    const protocol = protocolOf(volume);
    const secure = protocol === 'https:';
    this.client = new Client({
      endPoint: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (secure ? 443 : 80) : Number(port),
      useSSL: secure,
      accessKey: volume.accessKey,
      secretKey: volume.secretKey,
      region: volume.region,
      pathStyle: true,
      transport: transportOf(protocol),
      transportAgent: agentOf(volume),
      // Retries are decided here, where it is known what may be sent twice.
      retryOptions: { disableRetry: true },
    });
  }

  /**
   * @returns the answer; its body is to be read or destroyed
   * @throws StoreError for what the store refuses, StoreAway when it does not serve, AbortError
   */
  async send(request: S3Request): Promise<IncomingMessage> {
    const attempts = request.idempotent === true ? 1 + RETRIES : 1;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.circuit.run(() => this.sendOnce(request));
      } catch (error) {
        if (!(error instanceof StoreAway) || attempt >= attempts) throw error;
        await sleep(RETRY_AFTER * 2 ** (attempt - 1) * (0.5 + Math.random()), undefined, {
          signal: request.signal,
        });
      }
    }
  }

  /** For answers whose body is a small document, or nothing. */
  async ask(
    request: S3Request,
  ): Promise<{ headers: IncomingMessage['headers']; status: number; body: string }> {
    const response = await this.send(request);
    try {
      return { headers: response.headers, status: response.statusCode ?? 0, body: await text(response) };
    } catch (cause) {
      throw new StoreAway('the answer broke off', { cause });
    }
  }

  private async sendOnce(request: S3Request): Promise<IncomingMessage> {
    const { method, key, query, headers, body = '', expect, signal, patience = PATIENCE } = request;
    signal?.throwIfAborted();
    try {
      return await withLimits({ patience, signal }, () =>
        this.client.makeRequestAsync(
          {
            method,
            bucketName: this.bucket,
            headers: { ...headers },
            ...(key !== undefined && { objectName: key }),
            ...(query !== undefined && { query }),
          },
          body as string,
          [...expect],
        ),
      );
    } catch (error) {
      throw translate(error, signal);
    }
  }
}

function translate(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return new DOMException('aborted', 'AbortError');
  if (error instanceof S3Error) return new StoreError(error.code ?? '', error.message, { cause: error });
  if (error instanceof StoreAway) return error;
  // What is left comes from the socket: refused, reset, unknown host, a certificate that does not hold.
  return new StoreAway(error instanceof Error ? error.message : String(error), { cause: error });
}
