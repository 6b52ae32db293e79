import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What the store has heard of one GET. */
export interface HeardRequest {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

export type GetAnswer = (response: ServerResponse, content: Buffer, request: IncomingMessage) => void;

/** A store that keeps small objects as S3 does, and answers a GET of them as the test wants: the subject, not a stand-in. */
export class HostileStore {
  /** Of the GETs of objects, in order. */
  readonly heard: HeardRequest[] = [];
  /** How the next GETs are answered. */
  answer: GetAnswer = honest;
  private readonly objects = new Map<string, Buffer>();
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((request, response) => {
    this.serve(request, response).catch(() => response.destroy());
  });

  async listen(): Promise<string> {
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => this.sockets.delete(socket));
    });
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.sockets.size;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', rawHeaders } = request;
    const [path = ''] = url.split('?');
    const body = await buffer(request);
    const content = this.objects.get(path);
    if (request.headers.authorization === undefined && !url.includes('X-Amz-Signature=')) {
      response.writeHead(403).end();
    } else if (method === 'PUT' && path.split('/').length > 2) {
      this.objects.set(path, body);
      response.writeHead(200, { ETag: '"kept"' }).end();
    } else if (method === 'HEAD' && content !== undefined) {
      response.writeHead(200, { 'Content-Length': content.length, ETag: '"kept"' }).end();
    } else if (method === 'GET' && content !== undefined) {
      this.heard.push({ method, target: url, rawHeaders, body });
      this.answer(response, content, request);
    } else if (method === 'HEAD') response.writeHead(404).end();
    else response.writeHead(method === 'DELETE' ? 204 : 200).end();
  }
}

/** As a store should: the whole, or one range. */
export const honest: GetAnswer = (response, content, request) => {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  if (first === undefined || last === undefined) {
    response.writeHead(200, { 'Content-Length': content.length }).end(content);
    return;
  }
  const part = content.subarray(Number(first), Number(last) + 1);
  response
    .writeHead(206, {
      'Content-Length': part.length,
      'Content-Range': `bytes ${first}-${last}/${content.length}`,
    })
    .end(part);
};

/** As it should, with more headers. */
export function withHeaders(headers: Record<string, string | string[]>): GetAnswer {
  return (response, content, request) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    honest(response, content, request);
  };
}

/** Bytes of our own instead of an answer by the server's rules. */
export function raw(bytes: string | Buffer): GetAnswer {
  return (response) => {
    response.socket?.end(bytes);
  };
}
