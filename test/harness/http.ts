import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** As sent: names in their case, repeated ones repeated. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly text: string;
  readonly json: unknown;
}

export interface Request {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Buffer | string | Readable;
  /** Milliseconds. */
  readonly timeout?: number;
}

/** Authorities by the HTTPS origins at which they are trusted; elsewhere it is those of Node. */
export const trusted = new Map<string, Buffer>();

/**
 * One request whose path goes out exactly as it is written: nothing is normalised, decoded or followed.
 * @param path everything behind the authority
 */
export function send(
  origin: string,
  path: string,
  { method = 'GET', headers, body, timeout = 15_000 }: Request = {},
): Promise<Answer> {
  const { hostname, port, protocol } = new URL(origin);
  const request = protocol === 'https:' ? httpsRequest : httpRequest;
  const ca = trusted.get(origin);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: hostname,
        port,
        path,
        method,
        headers: { ...headers },
        agent: false,
        timeout,
        ...(ca && { ca }),
      },
      (incoming) => {
        buffer(incoming).then((bytes) => {
          const text = bytes.toString('utf8');
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            rawHeaders: incoming.rawHeaders,
            body: bytes,
            text,
            get json(): unknown {
              return JSON.parse(text) as unknown;
            },
          });
        }, reject);
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeout} ms`)));
    outgoing.on('error', reject);
    if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) outgoing.end(body);
    else body.on('error', (error) => outgoing.destroy(error)).pipe(outgoing);
  });
}
