import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { expect, it } from 'vitest';
import { watchBody } from '../../src/common/http/index.js';
import { Problem } from '../../src/common/problems/index.js';

const LIMITS = { maxBytes: 1_000, minRate: 1, window: 30 };

it('a client that has gone before its body is watched is not waited for', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = request({ port, host: '127.0.0.1', method: 'PUT', headers: { 'Content-Length': 100 } });
  client.on('error', () => undefined);
  client.write('a');
  const [incoming] = (await once(server, 'request')) as [IncomingMessage];
  incoming.on('error', () => undefined);
  client.destroy();
  // Not `once`, which fails with the error that comes first.
  await new Promise((closed) => incoming.once('close', closed));
  let aborted: unknown;
  const watched = watchBody({ raw: incoming } as FastifyRequest, LIMITS, async (signal) => {
    // Work that nothing but the signal ends.
    await new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        aborted = signal.reason;
        reject(signal.reason as Error);
      });
      if (signal.aborted) reject((aborted = signal.reason) as Error);
    });
  });
  await expect(watched).rejects.toSatisfy(
    (error) => error instanceof Problem && error.kind.code === 'request-timeout',
  );
  expect(aborted).toBeInstanceOf(Problem);
  server.close();
});
