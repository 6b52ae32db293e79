import { randomBytes } from 'node:crypto';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { FileJson } from '../harness/api.js';
import { useOwnStack } from '../harness/own-stack.js';
import { watchMemory } from '../harness/processes.js';
import { MEBIBYTE, uploadPieces } from '../harness/uploads.js';

const CLIENTS = 32;
const SIZE = 64 * 1024 * 1024;

/** MiB over idle. */
const BOUND = 64;

describe.each(['accel', 'stream'] as const)('2 GiB in and 2 GiB out with 32 clients (%s)', (mode) => {
  const root = mkdtempSync(join(tmpdir(), 'download-service-memory-'));
  afterAll(() => {
    rmSync(root, { recursive: true });
  });
  const own = useOwnStack({
    VOLUMES: JSON.stringify([{ name: 'local', driver: 'fs', root, delivery: mode }]),
  });

  const origin = () => new URL(mode === 'accel' ? own.stack.publicUrl : own.stack.appUrl);
  const chunk = randomBytes(1024 * 1024);

  /** Sends `size` bytes that begin with a mark of their own, never holding more than a chunk of them. */
  const upload = (mark: number, size = SIZE) =>
    new Promise<FileJson>((resolve, reject) => {
      const head = `--x\r\nContent-Disposition: form-data; name="file"; filename="${mark}"\r\n\r\n`;
      const tail = '\r\n--x--\r\n';
      const outgoing = httpRequest(
        {
          ...{
            host: origin().hostname,
            port: origin().port,
            path: '/api/v1/files',
            method: 'POST',
            agent: false,
          },
          headers: {
            Authorization: `Bearer ${own.admin.token ?? ''}`,
            'Content-Type': 'multipart/form-data; boundary=x',
            'Content-Length': head.length + size + tail.length,
          },
        },
        (answer) => {
          let text = '';
          answer.on('data', (part: Buffer) => (text += part.toString()));
          answer.on('end', () => {
            if (answer.statusCode === 201) resolve(JSON.parse(text) as FileJson);
            else reject(new Error(text));
          });
        },
      );
      outgoing.on('error', reject);
      void (async () => {
        outgoing.write(head);
        const first = Buffer.from(chunk);
        first.writeUInt32BE(mark);
        for (let sent = 0; sent < size; sent += chunk.length) {
          if (!outgoing.write(sent === 0 ? first : chunk))
            await new Promise((ready) => outgoing.once('drain', ready));
        }
        outgoing.end(tail);
      })();
    });

  const download = (id: string) =>
    new Promise<number>((resolve, reject) => {
      httpRequest(
        {
          ...{ host: origin().hostname, port: origin().port, path: `/download/${id}`, agent: false },
          headers: { Authorization: `Bearer ${own.admin.token ?? ''}` },
        },
        (answer: IncomingMessage) => {
          let received = 0;
          answer.on('data', (part: Buffer) => (received += part.length));
          answer.on('end', () => {
            resolve(received);
          });
          answer.on('error', reject);
        },
      )
        .on('error', reject)
        .end();
    });

  it(`stays within ${BOUND} MiB of idle`, async () => {
    const pid = own.stack.app?.pid ?? 0;
    // Idle is measured after the first transfers: code is compiled, pools are filled.
    await download((await upload(CLIENTS)).id);
    await Promise.all(Array.from({ length: 64 }, () => own.admin.send('/api/v1/auth/me')));
    await sleep(1_000);
    const memory = watchMemory(pid);
    const files = await Promise.all(Array.from({ length: CLIENTS }, (_, at) => upload(at)));
    const afterUploads = memory.grown();
    const received = await Promise.all(files.map(({ id }) => download(id)));
    memory.stop();
    expect(received.every((size) => size === SIZE)).toBe(true);
    process.stdout.write(
      `memory (${mode}): idle ${memory.idle.toFixed(0)} MiB, +${afterUploads.toFixed(0)} uploading, +${memory.grown().toFixed(0)} at most\n`,
    );
    expect(memory.grown()).toBeLessThan(BOUND);
  }, 180_000);

  it(`16 uploads at once in chunks of 64 MiB stay within ${BOUND} MiB of idle`, async () => {
    const pid = own.stack.app?.pid ?? 0;
    const api = own.admin.via(origin().origin);
    const whole = (mark: number, size: number) =>
      uploadPieces(api, mark, chunk, { size, chunkSize: 64 * MEBIBYTE });
    await whole(1_000, 10 * MEBIBYTE);
    await Promise.all(Array.from({ length: 64 }, () => own.admin.send('/api/v1/auth/me')));
    await sleep(1_000);
    const memory = watchMemory(pid);
    const files = await Promise.all(Array.from({ length: 16 }, (_, at) => whole(1_001 + at, 128 * MEBIBYTE)));
    memory.stop();
    expect(files.every(({ size }) => size === 128 * MEBIBYTE)).toBe(true);
    process.stdout.write(`memory (${mode}, chunks): +${memory.grown().toFixed(0)} MiB at most\n`);
    expect(memory.grown()).toBeLessThan(BOUND);
  }, 300_000);

  if (mode === 'stream') return;
  it('takes the largest file, 5 GiB', async () => {
    const pid = own.stack.app?.pid ?? 0;
    const memory = watchMemory(pid);
    const size = 5 * 2 ** 30;
    const file = await upload(CLIENTS + 1, size);
    memory.stop();
    expect(file.size).toBe(size);
    process.stdout.write(`memory (5 GiB in): +${memory.grown().toFixed(0)} MiB at most\n`);
    expect(memory.grown()).toBeLessThan(BOUND);
    const last = await own.admin.download(file.id, { Range: 'bytes=-1048576' });
    expect(last.body.equals(chunk)).toBe(true);
  }, 180_000);
});
