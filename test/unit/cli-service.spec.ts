import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Refusal, Service } from '../../src/cli/service.js';

/** A server that answers in turn with what it is told: real ones refuse for a minute, and at their own times. */
class AnswersInTurn {
  readonly asked: string[] = [];

  private constructor(private readonly server: Server) {}

  static async with(...answers: RequestListener[]): Promise<AnswersInTurn> {
    const server = createServer((request, response) => {
      turn.asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
      (answers.shift() ?? well)(request, response);
    }).listen(0, '127.0.0.1');
    const turn = new AnswersInTurn(server);
    await once(server, 'listening');
    return turn;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.server.address() as AddressInfo).port}`);
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

const well: RequestListener = (_, response) => response.end('{}');
const problem =
  (status: number, code: string, retryAfter?: string | (() => string)): RequestListener =>
  (_, response) => {
    response.writeHead(status, {
      'Content-Type': 'application/problem+json',
      ...(retryAfter !== undefined && {
        'Retry-After': typeof retryAfter === 'string' ? retryAfter : retryAfter(),
      }),
    });
    response.end(JSON.stringify({ code, title: 'It cannot be', detail: 'Now.', status }));
  };
const cut: RequestListener = (request) => request.socket.resetAndDestroy();

describe('requests of the client', () => {
  let server: AnswersInTurn | undefined;
  let waits: number[];
  afterEach(() => server?.close());
  const serviceOf = async (seconds: number, ...answers: RequestListener[]): Promise<Service> => {
    server = await AnswersInTurn.with(...answers);
    waits = [];
    return new Service(
      server.url,
      { 'X-API-Key': 'key' },
      { seconds, signal: new AbortController().signal, onWait: (_, pause) => waits.push(pause) },
    );
  };

  it.each([
    ['429', problem(429, 'too-many-requests', '1')],
    ['503', problem(503, 'dependency-unavailable', '1')],
    ['409 upload-busy', problem(409, 'upload-busy', '1')],
    ['a date', problem(503, 'not-ready', () => new Date(Date.now() + 2_500).toUTCString())],
  ])('waits as long as Retry-After says: %s', async (_, answer) => {
    const service = await serviceOf(60, answer);
    const begun = performance.now();
    await service.send('/api/v1/files');
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThan(0.9);
    expect((performance.now() - begun) / 1_000).toBeGreaterThan(0.9);
    expect(server?.asked).toHaveLength(2);
  });

  it('waits longer each time where nothing is said, and less than a second at first', async () => {
    const service = await serviceOf(60, problem(503, 'not-ready'), problem(503, 'not-ready'));
    await service.send('/');
    expect(waits).toHaveLength(2);
    expect(waits[0]).toBeLessThanOrEqual(0.5);
    expect(waits[1]).toBeLessThanOrEqual(1);
    expect(waits[1]).toBeGreaterThanOrEqual(0.5);
  });

  it('gives up when it would have to wait longer than it may', async () => {
    const service = await serviceOf(5, problem(429, 'too-many-requests', '6'));
    await expect(service.send('/')).rejects.toThrow('It cannot be. Now (429 too-many-requests).');
    expect(server?.asked).toHaveLength(1);
  });

  it.each([400, 401, 403, 404, 409, 410, 413, 422, 500, 507])('%i is not tried again', async (status) => {
    const service = await serviceOf(60, problem(status, 'some-code'));
    const failed = await service.send('/').catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Refusal);
    expect(failed).toMatchObject({ status, code: 'some-code' });
    expect(server?.asked).toHaveLength(1);
  });

  it('a lost connection is tried again once the service has answered', async () => {
    const service = await serviceOf(60, well, cut);
    await service.send('/');
    await service.send('/');
    expect(waits).toHaveLength(1);
  });

  it('but not before: then the address is more likely wrong', async () => {
    const service = await serviceOf(60, cut);
    await expect(service.send('/')).rejects.toThrow(/cannot be reached/);
    expect(server?.asked).toHaveLength(1);
  });

  it('what must not happen twice is not sent twice when nobody knows whether it arrived', async () => {
    const service = await serviceOf(60, well, cut);
    await service.send('/');
    await expect(service.send('/', { method: 'POST', repeatable: false })).rejects.toThrow(
      /cannot be reached/,
    );
    expect(server?.asked).toHaveLength(2);
  });

  it('an answer that is no JSON is no such service', async () => {
    const service = await serviceOf(60, (_, response) => response.end('<html>'));
    await expect(service.json('/')).rejects.toThrow('does not answer as a download-service does');
  });

  it('credentials go to the service and nowhere else, also not by a redirect', async () => {
    const seen: unknown[] = [];
    const elsewhere = await AnswersInTurn.with((request, response) => {
      seen.push(request.headers);
      response.end();
    });
    const service = await serviceOf(60, (request, response) => {
      seen.push(request.headers['x-api-key']);
      response.writeHead(302, { Location: elsewhere.url.href }).end();
    });
    expect((await service.once('/')).status).toBe(302);
    expect(seen).toEqual(['key']);
    await service.once(elsewhere.url);
    expect(JSON.stringify(seen[1])).not.toContain('key');
    elsewhere.close();
  });
});
