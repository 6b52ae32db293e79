import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem } from '../harness/api.js';
import { holdChunk, untilWriting } from '../harness/held-chunk.js';
import { useOwnStack } from '../harness/own-stack.js';
import { useS3Link } from '../harness/s3-link.js';
import { Seed } from '../harness/seed.js';
import { HAS_MINIO } from '../harness/stores.js';
import { UNLIMITED_UPLOADS } from '../harness/unlimited.js';
import { until } from '../harness/until.js';
import {
  beginUpload,
  chunkOf,
  completed,
  completeUpload,
  getUpload,
  MEBIBYTE,
  putChunk,
  putChunks,
  sha256Of,
  type UploadJson,
} from '../harness/uploads.js';

const CHUNK = 5 * MEBIBYTE;
/** Milliseconds in which an upload hears that the store is away (DESIGN §5), and a little for the machine. */
const TOLD_WITHIN = 22_000;

/** Real: a MinIO, behind a link that can fail. */
describe.skipIf(!HAS_MINIO)('chunks on their way to a store', () => {
  const s3 = useS3Link('accel-s3');
  const own = useOwnStack(() => ({ ...UNLIMITED_UPLOADS, ...s3.env }));
  let seed: Seed;
  beforeAll(() => {
    seed = Seed.open(own.stack);
  });
  afterAll(() => seed.close());

  const begin = (bytes: Buffer) => beginUpload(own.admin, { size: bytes.length });
  const rowOf = async ({ uploadId }: UploadJson) => {
    const [row] = await seed.query<{ storage_path: string; handle: string }>(
      'SELECT storage_path, handle FROM upload_sessions WHERE uid = $1',
      [uploadId],
    );
    if (row === undefined) throw new Error('there is no such session');
    return row;
  };
  const contentsOf = (key: string) => s3.store.contents(s3.volume.bucket, key);
  /** Also a store that has just come back is asked carefully for a while. */
  const putUntilTaken = async (upload: UploadJson, bytes: Buffer, index: number) => {
    const answer = await until(
      () => putChunk(own.admin, upload, index, chunkOf(bytes, upload, index)),
      ({ status }) => status === 204,
      30_000,
    );
    expect(answer.status, answer.text).toBe(204);
  };

  it.each(['away', 'hanging'])(
    'a store that is %s: 503, what is there stays, and on it goes',
    async (how) => {
      const bytes = randomBytes(3 * CHUNK);
      const upload = await begin(bytes);
      await putChunks(own.admin, upload, bytes, [0]);
      const held = holdChunk(own.admin, upload, 1, chunkOf(bytes, upload, 1));
      await untilWriting(seed, upload);
      const since = performance.now();
      if (how === 'away') await s3.link.refuse();
      else s3.link.set({ stalled: true });
      held.go();
      expectProblem(await held.answer, 503, 'dependency-unavailable');
      expect(performance.now() - since).toBeLessThan(TOLD_WITHIN);
      const again = performance.now();
      const answer = await putChunk(own.admin, upload, 2, chunkOf(bytes, upload, 2));
      expectProblem(answer, 503, 'dependency-unavailable');
      expect(performance.now() - again).toBeLessThan(TOLD_WITHIN);
      expect((await getUpload(own.admin, upload)).received).toEqual([0]);
      if (how === 'away') await s3.link.accept();
      else s3.link.heal();
      await putUntilTaken(upload, bytes, 2);
      await putUntilTaken(upload, bytes, 1);
      expect((await completed(own.admin, upload)).sha256).toBe(sha256Of(bytes));
    },
    120_000,
  );

  it('away while it is completed: 503, and completed when it is back', async () => {
    const bytes = randomBytes(CHUNK + 1);
    const upload = await begin(bytes);
    await putChunks(own.admin, upload, bytes);
    await s3.link.refuse();
    expectProblem(await completeUpload(own.admin, upload), 503, 'dependency-unavailable');
    await s3.link.accept();
    const answer = await until(
      () => completeUpload(own.admin, upload),
      ({ status }) => status === 201,
      30_000,
    );
    expect((answer.json as { sha256: string }).sha256).toBe(sha256Of(bytes));
  }, 60_000);

  it('DELETE while chunks are on their way: they are not taken, and nothing is left in the store', async () => {
    const bytes = randomBytes(3 * CHUNK);
    const upload = await begin(bytes);
    const { storage_path: key } = await rowOf(upload);
    await putChunks(own.admin, upload, bytes, [2]);
    const held = [0, 1].map((index) => holdChunk(own.admin, upload, index, chunkOf(bytes, upload, index)));
    await untilWriting(seed, upload, 2);
    expect((await own.admin.delete(`/api/v1/uploads/${upload.uploadId}`)).status).toBe(204);
    for (const chunk of held) {
      chunk.go();
      expect([404, 409]).toContain((await chunk.answer).status);
    }
    expect((await contentsOf(key)).filter((name) => name.includes(key))).toEqual([]);
    expect(await seed.query('SELECT 1 FROM pending_objects WHERE storage_path = $1', [key])).toEqual([]);
  });

  it('a chunk in whose place a late writer has put other bytes: nothing is published, and the upload ends', async () => {
    const bytes = randomBytes(CHUNK + 1);
    const upload = await begin(bytes);
    const { storage_path: key, handle } = await rowOf(upload);
    await putChunks(own.admin, upload, bytes);
    await s3.store.putPart(s3.volume.bucket, key, handle, 1, randomBytes(CHUNK));
    expectProblem(await completeUpload(own.admin, upload), 409, 'upload-incomplete');
    expectProblem(await completeUpload(own.admin, upload), 410, 'upload-expired');
    expect(await getUpload(own.admin, upload)).toMatchObject({
      status: 'failed',
      failure: 'upload-incomplete',
    });
    expect((await contentsOf(key)).filter((name) => name.includes(key))).toEqual([]);
  });
});
