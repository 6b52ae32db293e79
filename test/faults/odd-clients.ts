import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileJson } from '../harness/api.js';
import { useOwnStack } from '../harness/own-stack.js';
import { descriptorsOf, memoryOf } from '../harness/processes.js';

/** What the world's clients do to a server; in `accel` through nginx, in `stream` to the application itself. */
export function oddClients(mode: 'accel' | 'stream'): void {
  describe(`odd clients (${mode})`, () => {
    const root = mkdtempSync(join(tmpdir(), 'download-service-odd-'));
    afterAll(() => {
      rmSync(root, { recursive: true });
    });
    const own = useOwnStack({
      VOLUMES: JSON.stringify([{ name: 'local', driver: 'fs', root, delivery: mode }]),
    });
    const bytes = randomBytes(8_000_000);
    let file: FileJson;
    let port: number;
    let dripping: Promise<{ answer: string; seconds: number }>;
    let idle: { descriptors: number; memory: number };

    const pid = () => own.stack.app?.pid ?? 0;
    const request = (range = '') =>
      `GET /download/${file.id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${own.admin.token ?? ''}\r\n${range}\r\n`;
    const open = async (text = ''): Promise<Socket> => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      if (text !== '') socket.write(text);
      return socket;
    };
    const served = async () => {
      const answer = await own.admin.via(`http://127.0.0.1:${port}`).download(file.id);
      expect(answer.body.equals(bytes)).toBe(true);
    };
    // nginx keeps up to 64 idle connections to the application open for each of its workers.
    const spare = mode === 'accel' ? 5 + 64 * availableParallelism() : 5;
    const settles = async () => {
      for (let round = 0; round < 100 && descriptorsOf(pid()) > idle.descriptors + spare; round += 1)
        await sleep(100);
      expect(descriptorsOf(pid())).toBeLessThanOrEqual(idle.descriptors + spare);
    };

    beforeAll(async () => {
      port = mode === 'accel' ? own.stack.publicPort : own.stack.appPort;
      file = await own.admin.upload(bytes);
      for (let round = 0; round < 20; round += 1) await served();
      await sleep(500);
      idle = { descriptors: descriptorsOf(pid()), memory: memoryOf(pid()) };
      // It takes half a minute: the others go on meanwhile.
      dripping = drip();
    });

    it('2,000 idle connections: others are served, and they cost nothing when they are gone', async () => {
      const sockets: Socket[] = [];
      for (let at = 0; at < 2_000; at += 1) sockets.push(await open());
      const since = performance.now();
      await served();
      expect(performance.now() - since).toBeLessThan(2_000);
      for (const socket of sockets) socket.destroy();
      await settles();
    });

    it('200 clients that vanish in the middle of a download', async () => {
      for (let at = 0; at < 200; at += 1) {
        const socket = await open(request());
        await once(socket, 'data');
        socket.destroy();
      }
      await served();
      await settles();
    });

    it('50 readers that have stopped reading: memory stays, others are served', async () => {
      const sockets: Socket[] = [];
      for (let at = 0; at < 50; at += 1) {
        const socket = await open(request());
        await once(socket, 'data');
        socket.pause();
        sockets.push(socket);
      }
      await sleep(1_000);
      await served();
      expect(memoryOf(pid()) - idle.memory).toBeLessThan(64);
      for (const socket of sockets) socket.destroy();
      await settles();
    });

    it('100 clients that close their half are taken for gone, as nginx does, and hold nothing', async () => {
      const sockets: Socket[] = [];
      try {
        for (let at = 0; at < 100; at += 1) {
          const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
          socket.on('error', () => undefined);
          await once(socket, 'connect');
          sockets.push(socket);
          // At once, or when the answer fills every buffer on its way: none of them reads.
          if (at % 2 === 0) socket.end(request());
          else socket.write(request());
        }
        await sleep(500);
        for (const socket of sockets) socket.end();
        await served();
        await settles();
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    });

    it('half a request, never finished, holds up nobody', async () => {
      const sockets = await Promise.all(
        Array.from({ length: 200 }, () => open('GET /download/1 HTTP/1.1\r\nHost: x\r\nX: ')),
      );
      await served();
      for (const socket of sockets) socket.destroy();
      await settles();
    });

    it('a reader at 1 MB/s gets every byte while others come and go', async () => {
      const socket = await open(request('Connection: close\r\n'));
      const slow = (async () => {
        let answer = Buffer.alloc(0);
        for await (const chunk of socket) {
          answer = Buffer.concat([answer, chunk as Buffer]);
          await sleep((chunk as Buffer).length / 4_000);
        }
        return answer;
      })();
      await Promise.all(Array.from({ length: 10 }, () => served()));
      const answer = await slow;
      expect(answer.subarray(-bytes.length).equals(bytes)).toBe(true);
    });

    it('an upload that comes at a few bytes a second is ended with 408', async () => {
      const { answer, seconds } = await dripping;
      expect(answer).toMatch(/^HTTP\/1\.1 408 /);
      expect(seconds).toBeLessThan(40);
      await settles();
    });

    /** An upload of which ten bytes come every half second, until it is answered. */
    async function drip(): Promise<{ answer: string; seconds: number }> {
      const socket = await open(
        `POST /api/v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${own.admin.token ?? ''}\r\n` +
          `Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n` +
          `--x\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n`,
      );
      const since = performance.now();
      const dripping = setInterval(() => socket.write('x'.repeat(10)), 500);
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      clearInterval(dripping);
      socket.destroy();
      return { answer: chunk.toString(), seconds: (performance.now() - since) / 1_000 };
    }
  });
}
