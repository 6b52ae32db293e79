import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem } from '../harness/api.js';
import { holdChunk, untilWriting } from '../harness/held-chunk.js';
import { useOwnStack } from '../harness/own-stack.js';
import { descriptorsOf } from '../harness/processes.js';
import { sendRaw, statusesOf } from '../harness/raw-http.js';
import { Seed } from '../harness/seed.js';
import { UNLIMITED_UPLOADS } from '../harness/unlimited.js';
import {
  beginUpload,
  chunkOf,
  completed,
  getUpload,
  MEBIBYTE,
  putChunk,
  putChunks,
  sha256Of,
} from '../harness/uploads.js';

const CHUNK = 2 * MEBIBYTE;
const CONNECTIONS = 16;

describe('what clients do to the body of a chunk', () => {
  const own = useOwnStack(UNLIMITED_UPLOADS);
  let seed: Seed;
  beforeAll(() => {
    seed = Seed.open(own.stack);
  });
  afterAll(() => seed.close());

  describe.each([
    { way: 'through nginx', requests: 10_000 },
    { way: 'to the application', requests: 2_000 },
  ])('$way', ({ way, requests }) => {
    let origin: string;
    let api: Api;
    let dripping: ReturnType<typeof drip>;
    beforeAll(() => {
      origin = way === 'through nginx' ? own.stack.publicUrl : own.stack.appUrl;
      api = own.admin.via(origin);
      // It takes half a minute: the others go on meanwhile.
      dripping = drip();
    });

    const begin = (bytes: Buffer) => beginUpload(api, { size: bytes.length, chunkSize: CHUNK });
    /** The head of a request that sends a chunk. */
    const head = (
      { uploadId }: { uploadId: string },
      length: number,
      { version = '1.1', more = '', index = 0 } = {},
    ) =>
      `PUT /api/v1/uploads/${uploadId}/chunks/${index} HTTP/${version}\r\nHost: localhost\r\n` +
      `Authorization: Bearer ${own.admin.token ?? ''}\r\nContent-Length: ${length}\r\n${more}\r\n`;
    const open = async (text: string): Promise<Socket> => {
      const { hostname, port } = new URL(origin);
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(text);
      return socket;
    };

    it('a client that vanishes in the middle and is back at once waits for two seconds at most', async () => {
      const bytes = randomBytes(CHUNK + 7);
      const upload = await begin(bytes);
      // A body that is stored, then one that is only compared.
      for (const round of ['stored', 'compared']) {
        const socket = await open(head(upload, CHUNK));
        socket.write(bytes.subarray(0, CHUNK / 2));
        // What is only compared takes no lease.
        if (round === 'stored') await untilWriting(seed, upload);
        else await sleep(300);
        socket.destroy();
        const since = performance.now();
        const answer = await putChunk(api, upload, 0, chunkOf(bytes, upload, 0));
        expect(answer.status, `${round} ${answer.text}`).toBe(204);
        expect(performance.now() - since).toBeLessThan(2_500);
      }
    });

    it('a connection that is dead without a word gives its chunk to the next request within two seconds', async () => {
      const bytes = randomBytes(CHUNK + 7);
      const upload = await begin(bytes);
      const dead = holdChunk(api, upload, 0, chunkOf(bytes, upload, 0));
      await untilWriting(seed, upload);
      const since = performance.now();
      await putChunks(api, upload, bytes, [0]);
      expect(performance.now() - since).toBeLessThan(2_500);
      expectProblem(await dead.answer, 409, 'upload-busy');
      dead.go();
    });

    it('Expect: 100-continue, and HTTP/1.0', async () => {
      const bytes = Buffer.from('0123456789');
      const text = bytes.toString();
      const expecting = await begin(bytes);
      const socket = await open(
        head(expecting, 10, { more: 'Expect: 100-continue\r\nConnection: close\r\n' }),
      );
      const [first] = (await once(socket, 'data')) as [Buffer];
      expect(first.toString()).toMatch(/^HTTP\/1\.1 100 /);
      socket.write(text);
      const [second] = (await once(socket, 'data')) as [Buffer];
      expect(second.toString()).toMatch(/^HTTP\/1\.1 204 /);
      socket.destroy();
      expect((await completed(api, expecting)).sha256).toBe(sha256Of(bytes));

      const old = await begin(bytes);
      expect(statusesOf(await sendRaw(origin, head(old, 10, { version: '1.0' }) + text))).toEqual([204]);
      expect((await completed(api, old)).sha256).toBe(sha256Of(bytes));
    });

    it('more than was said, or another request, behind the body: not a byte of it is the chunk', async () => {
      const bytes = Buffer.from('0123456789');
      const upload = await begin(bytes);
      const answers = await sendRaw(origin, `${head(upload, 10)}0123456789and more\r\n\r\n`);
      expect(statusesOf(answers)[1] ?? 400).toBe(400);
      const other = await begin(bytes);
      const two =
        head(upload, 10) + '0123456789' + head(other, 10, { more: 'Connection: close\r\n' }) + '0123456789';
      expect(statusesOf(await sendRaw(origin, two))).toEqual([204, 204]);
      for (const { uploadId } of [upload, other])
        expect((await completed(api, { uploadId })).sha256).toBe(sha256Of(bytes));
    });

    it('less than was said: nothing is taken, and the client begins the chunk again', async () => {
      const bytes = randomBytes(CHUNK);
      const upload = await begin(bytes);
      const socket = await open(head(upload, CHUNK));
      socket.write(bytes.subarray(0, CHUNK - 1));
      await untilWriting(seed, upload);
      const since = performance.now();
      socket.resume().end();
      await once(socket, 'close');
      expect(performance.now() - since).toBeLessThan(5_000);
      expect((await getUpload(api, upload)).received).toEqual([]);
      await putChunks(api, upload, bytes);
      expect((await completed(api, upload)).sha256).toBe(sha256Of(bytes));
    });

    it.each<[string, number, string, number]>([
      ['a chunk that there is not', 400, 'validation-failed', 7],
      ['a length that is not its own', 400, 'validation-failed', 0],
    ])('an answer while the client still sends is read by it: %s', async (_, status, code, index) => {
      const bytes = randomBytes(CHUNK);
      const upload = await begin(bytes);
      const body = randomBytes(32 * MEBIBYTE);
      for (let round = 0; round < 5; round += 1) {
        expectProblem(await putChunk(api, upload, index, body), status, code);
      }
      expect((await getUpload(api, upload)).received).toEqual([]);
    });

    it(
      `${requests} tiny ones on ${CONNECTIONS} connections: all answered, nothing is kept of them`,
      { timeout: 180_000 },
      async () => {
        const pid = own.stack.app?.pid ?? 0;
        const bytes = Buffer.from('x');
        const upload = await begin(bytes);
        await putChunks(api, upload, bytes);
        const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
        const put = () => putOn(agent, api, upload.uploadId, bytes);
        await Promise.all(Array.from({ length: 256 }, put));
        const idle = descriptorsOf(pid);
        const statuses = new Map<number, number>();
        await Promise.all(
          Array.from({ length: CONNECTIONS }, async () => {
            for (let at = 0; at < requests / CONNECTIONS; at += 1) {
              const status = await put();
              statuses.set(status, (statuses.get(status) ?? 0) + 1);
            }
          }),
        );
        agent.destroy();
        expect([...statuses]).toEqual([[204, requests]]);
        await sleep(500);
        expect(descriptorsOf(pid)).toBeLessThan(idle + 64 * availableParallelism());
        expect((await getUpload(api, upload)).received).toEqual([0]);
        expect((await completed(api, upload)).size).toBe(1);
      },
    );

    it('one that comes at a few bytes a second: 408, and the chunk is free at once', async () => {
      const { upload, bytes, answer, seconds } = await dripping;
      expect(answer).toMatch(/^HTTP\/1\.1 408 /);
      expect(seconds).toBeLessThan(45);
      const again = performance.now();
      await putChunks(api, upload, bytes);
      expect(performance.now() - again).toBeLessThan(2_000);
      expect((await completed(api, upload)).sha256).toBe(sha256Of(bytes));
    });

    /** A chunk of which ten bytes come every half second, until it is answered. */
    const drip = async () => {
      const bytes = randomBytes(CHUNK);
      const upload = await begin(bytes);
      const socket = await open(head(upload, CHUNK));
      const since = performance.now();
      const timer = setInterval(() => socket.write('x'.repeat(10)), 500);
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      clearInterval(timer);
      socket.destroy();
      return { upload, bytes, answer: chunk.toString(), seconds: (performance.now() - since) / 1_000 };
    };
  });
});

/** @returns the status */
function putOn(agent: Agent, { origin, token = '' }: Api, uploadId: string, bytes: Buffer): Promise<number> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Length': bytes.length };
    const path = `/api/v1/uploads/${uploadId}/chunks/0`;
    httpRequest({ agent, hostname, port, path, method: 'PUT', headers }, (answer) => {
      answer.resume().once('end', () => {
        resolve(answer.statusCode ?? 0);
      });
    })
      .once('error', reject)
      .end(bytes);
  });
}
