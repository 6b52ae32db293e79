import { type IncomingMessage, request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type FileJson, multipart } from '../harness/api.js';
import { type OwnStack, useOwnStack } from '../harness/own-stack.js';
import { watchMemory } from '../harness/processes.js';
import { HAS_MINIO } from '../harness/stores.js';
import { UNLIMITED_UPLOADS } from '../harness/unlimited.js';
import { uploadPieces } from '../harness/uploads.js';

const MIB = 2 ** 20;
const CLIENTS = 32;
const DOWNLOAD = 100 * MIB;
const UPLOAD = 24 * MIB;
/** Bytes a second of one client. */
const PACE = 8 * MIB;

/** MiB over idle: of downloads a few pieces each, of uploads a part each and a few more. */
const DOWNLOAD_BOUND = 64;
const UPLOAD_BOUND = CLIENTS * 8 + 96;
/** Chunks pass through, whatever their size. */
const UPLOADS = 16;
const CHUNKS_BOUND = 64;

describe.skipIf(!HAS_MINIO)(`${CLIENTS} clients at once and an S3 volume (stream)`, () => {
  const own = useOwnStack({ DEFAULT_VOLUME: 's3', S3_DELIVERY: 'stream' }, { s3: true });

  const upload = async (size: number, mark: number): Promise<FileJson> => {
    const piece = Buffer.alloc(MIB, mark);
    const { body, headers } = multipart([{ name: 'file', value: '', filename: 'x' }]);
    const head = body.indexOf('\r\n\r\n') + 4;
    const form = Readable.from(
      (function* () {
        yield body.subarray(0, head);
        for (let sent = 0; sent < size; sent += MIB) yield piece;
        yield body.subarray(head);
      })(),
    );
    const answer = await own.admin.send('/api/v1/files', {
      method: 'POST',
      body: form,
      headers: { ...headers, 'Content-Length': String(body.length + size) },
      timeout: 120_000,
    });
    expect(answer.status, answer.text).toBe(201);
    return answer.json as FileJson;
  };

  /** Reads at its own pace, and keeps nothing. @returns bytes */
  const download = async (id: string): Promise<number> => {
    const { hostname, port } = new URL(own.stack.publicUrl);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { Authorization: `Bearer ${own.admin.token ?? ''}` };
      httpRequest({ hostname, port, path: `/download/${id}`, headers, agent: false }, resolve)
        .on('error', reject)
        .end();
    });
    expect(answer.statusCode).toBe(200);
    const since = performance.now();
    let received = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      received += chunk.length;
      const early = (received / PACE) * 1_000 - (performance.now() - since);
      if (early > 0) await sleep(early);
    }
    return received;
  };

  it(
    'slow downloads of 100 MiB, then uploads: memory does not follow the bytes',
    { timeout: 300_000 },
    async () => {
      const file = await upload(DOWNLOAD, 1);
      // Code is compiled.
      expect(await download(file.id)).toBe(DOWNLOAD);
      const downloading = await growthDuring(own, async () => {
        const received = await Promise.all(Array.from({ length: CLIENTS }, () => download(file.id)));
        expect(received.every((size) => size === DOWNLOAD)).toBe(true);
      });
      const uploading = await growthDuring(own, () =>
        Promise.all(Array.from({ length: CLIENTS }, (_, at) => upload(UPLOAD, at + 2))),
      );
      process.stdout.write(
        `memory (S3): +${downloading.toFixed(0)} MiB downloading, +${uploading.toFixed(0)} MiB uploading\n`,
      );
      expect(downloading).toBeLessThan(DOWNLOAD_BOUND);
      expect(uploading).toBeLessThan(UPLOAD_BOUND);
    },
  );
});

describe.skipIf(!HAS_MINIO)(`${UPLOADS} uploads at once in chunks of 64 MiB into an S3 volume`, () => {
  const own = useOwnStack({ ...UNLIMITED_UPLOADS, DEFAULT_VOLUME: 's3' }, { s3: true });

  it(
    `chunks pass through, and completing reads them: ${CHUNKS_BOUND} MiB over idle at most`,
    { timeout: 300_000 },
    async () => {
      const piece = Buffer.alloc(MIB, 1);
      const whole = (mark: number, size: number) =>
        uploadPieces(own.admin, mark, piece, { size, chunkSize: 64 * MIB });
      // Code is compiled, threads are there.
      await whole(1, 65 * MIB);
      const growth = await growthDuring(own, async () => {
        const files = await Promise.all(Array.from({ length: UPLOADS }, (_, at) => whole(at + 2, 128 * MIB)));
        expect(files.every(({ size }) => size === 128 * MIB)).toBe(true);
      });
      process.stdout.write(`memory (S3): +${growth.toFixed(0)} MiB with ${UPLOADS} uploads in chunks\n`);
      expect(growth).toBeLessThan(CHUNKS_BOUND);
    },
  );
});

/** MiB by which memory grows at most while `work` is done. */
async function growthDuring({ stack, admin }: OwnStack, work: () => Promise<unknown>): Promise<number> {
  const pid = stack.app?.pid ?? 0;
  // The connections to PostgreSQL are there, also when others need the machine.
  await Promise.all(Array.from({ length: 64 }, () => admin.send('/api/v1/files')));
  await sleep(1_000);
  const memory = watchMemory(pid);
  await work().finally(() => {
    memory.stop();
  });
  return memory.grown();
}
