import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem, type FileJson } from '../harness/api.js';
import { useOwnStack } from '../harness/own-stack.js';
import { memoryOf } from '../harness/processes.js';
import { Seed } from '../harness/seed.js';
import { HAS_MINIO } from '../harness/stores.js';

const SIZE = 12 * 2 ** 30;

/** Real: PostgreSQL, Redis, nginx, MinIO, the built application. Fake: a file of 12 GiB without a block on the disk. */
describe('verifying', () => {
  const own = useOwnStack({ S3_DELIVERY: 'stream' }, { s3: HAS_MINIO });
  let seed: Seed;
  let large: FileJson;
  let small: FileJson;

  beforeAll(async () => {
    seed = Seed.open(own.stack);
    small = await own.admin.upload(randomBytes(1_000));
    large = await own.admin.upload(randomBytes(1_001));
    const [blob] = await seed.query<{ path: string }>(
      `UPDATE blobs b SET size = $2 FROM files f WHERE f.id = $1 AND b.id = f.blob_id RETURNING b.storage_path AS path`,
      [large.id, SIZE],
    );
    await seed.changed(`file:${large.id}`);
    const path = join(own.stack.dataDir, 'blobs', blob?.path ?? '');
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'r+');
    await file.truncate(SIZE);
    await file.close();
  });
  afterAll(() => seed.close());

  const pathOf = ({ id }: FileJson) => `/api/v1/files/${id}/verify`;
  const verify = (file: FileJson) => own.admin.send(pathOf(file), { method: 'POST' });
  const pid = () => own.stack.app?.pid ?? 0;
  /** Bytes that the application has read (proc(5)). */
  const bytesRead = () => Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid()}/io`, 'utf8'))?.[1]);
  const start = () => {
    const outgoing = request(`${own.stack.publicUrl}${pathOf(large)}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${own.admin.token ?? ''}` },
      agent: false,
    });
    outgoing.on('error', () => undefined);
    outgoing.end();
    return outgoing;
  };
  const reading = async (bytes = 64 * 2 ** 20) => {
    const before = bytesRead();
    for (let round = 0; round < 2_000 && bytesRead() - before < bytes; round += 1) await sleep(2);
    expect(bytesRead() - before).toBeGreaterThan(bytes);
  };
  /** Soon, and for good. */
  const stopped = async () => {
    for (let round = 0; round < 50; round += 1) {
      const before = bytesRead();
      await sleep(100);
      if (bytesRead() - before < 2 ** 20) return;
    }
    throw new Error('it goes on reading');
  };

  it('429 while another is verified; when its client goes away the reading ends, and the next one is served; memory stays', async () => {
    const memory = memoryOf(pid());
    const client = start();
    await reading();
    const answer = await verify(small);
    expectProblem(answer, 429, 'too-many-requests');
    expect(answer.headers['retry-after']).toBe('5');
    // Downloads and the rest go on.
    expect((await own.admin.download(small.id)).status).toBe(200);
    expect(memoryOf(pid()) - memory).toBeLessThan(100);
    client.destroy();
    await stopped();
    expect((await verify(small)).json).toMatchObject({ verdict: 'intact' });
    const log = readFileSync(join(own.stack.dataDir, 'log/app.log'), 'utf8');
    expect(log).not.toContain('"code":"internal-error"');
    expect(await seed.query(`SELECT FROM audit_log WHERE object_id = $1`, [large.id])).toEqual([]);
  });

  it('a client that closes its half has gone away too', async () => {
    const socket = connect({ port: own.stack.appPort, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(
      `POST ${pathOf(large)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${own.admin.token ?? ''}\r\nContent-Length: 0\r\n\r\n`,
    );
    await reading();
    socket.end();
    await stopped();
    socket.destroy();
    expect((await verify(small)).status).toBe(200);
  });

  describe.skipIf(!HAS_MINIO)('in a bucket', () => {
    it('503 while the store is away: that is no verdict', async () => {
      const file = await own.admin.upload(randomBytes(1_000), { volume: 's3' });
      await own.stack.minio?.stop();
      try {
        expectProblem(await verify(file), 503, 'dependency-unavailable');
      } finally {
        await own.stack.minio?.start();
      }
      for (let round = 0; round < 100 && (await verify(file)).status === 503; round += 1) await sleep(100);
      expect((await verify(file)).json).toMatchObject({ verdict: 'intact' });
    });

    it('503 when the store goes away in the middle', async () => {
      const file = await own.admin.upload(Buffer.alloc(150 * 2 ** 20, 7), { volume: 's3' });
      const verifying = verify(file);
      await reading(8 * 2 ** 20);
      own.stack.minio?.kill('SIGKILL');
      await own.stack.minio?.exited;
      try {
        expectProblem(await verifying, 503, 'dependency-unavailable');
      } finally {
        await own.stack.minio?.start();
      }
    });
  });
});
