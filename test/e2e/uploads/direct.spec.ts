import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Api, expectProblem } from '../../harness/api.js';
import { send } from '../../harness/http.js';
import { HAS_MINIO } from '../../harness/stores.js';
import { until } from '../../harness/until.js';
import {
  beginUpload,
  chunkOf,
  completeUpload,
  fileOf,
  getUpload,
  MEBIBYTE,
  putChunk,
  sha256Of,
  type UploadJson,
} from '../../harness/uploads.js';
import { useWorld } from '../../harness/world.js';

const PART = 5 * MEBIBYTE;

interface PartUrl {
  readonly index: number;
  readonly size: number;
  readonly url: string;
  readonly expiresAt: string;
}
type Begun = UploadJson & { readonly parts?: readonly PartUrl[] };

/** As a client that knows nothing but the URL. */
function put(url: string, body: Buffer) {
  const { origin, pathname, search } = new URL(url);
  return send(origin, pathname + search, {
    method: 'PUT',
    body,
    headers: { 'Content-Length': body.length },
    timeout: 60_000,
  });
}

describe.skipIf(!HAS_MINIO)('uploads straight to the store', () => {
  const world = useWorld('accel-s3');

  const begin = (bytes: Buffer, more: Record<string, unknown> = {}): Promise<Begun> =>
    beginUpload(world.owner, { size: bytes.length, chunkSize: PART, direct: true, ...more });
  const partsOf = ({ parts }: Begun): readonly PartUrl[] => {
    if (parts === undefined) throw new Error('no URLs for the parts');
    return parts;
  };
  const sendAll = async (upload: Begun, bytes: Buffer) => {
    for (const { index, url } of partsOf(upload)) {
      const answer = await put(url, chunkOf(bytes, upload, index));
      expect(answer.status, answer.text).toBe(200);
    }
  };
  const settled = (api: Api, upload: UploadJson): Promise<UploadJson> =>
    until(
      () => getUpload(api, upload),
      ({ status }) => status === 'completed' || status === 'failed',
      30_000,
    );

  it('the client sends the parts, we read what has come, and then it is a file', async () => {
    const bytes = randomBytes(2 * PART + 777);
    const upload = await begin(bytes, { sha256: sha256Of(bytes) });
    expect(upload).toMatchObject({ chunkSize: PART, chunkCount: 3, received: [] });
    const parts = partsOf(upload);
    expect(parts.map(({ index, size }) => [index, size])).toEqual([
      [0, PART],
      [1, PART],
      [2, 777],
    ]);
    const [first, second] = parts as [PartUrl, PartUrl];
    expect((await put(second.url, chunkOf(bytes, upload, 1))).status).toBe(200);
    expect((await getUpload(world.owner, upload)).received).toEqual([1]);
    expectProblem(await completeUpload(world.owner, upload), 409, 'upload-incomplete');
    expect((await put(first.url, chunkOf(bytes, upload, 0))).status).toBe(200);
    const renewed = await world.owner.post(`/api/v1/uploads/${upload.uploadId}/parts`, { indexes: [2] });
    expect(renewed.status, renewed.text).toBe(200);
    const [third] = (renewed.json as { parts: PartUrl[] }).parts as [PartUrl];
    expect((await put(third.url, chunkOf(bytes, upload, 2))).status).toBe(200);
    const answer = await completeUpload(world.owner, upload);
    expect(answer.status, answer.text).toBe(202);
    expect(answer.headers.location).toBe(`/api/v1/uploads/${upload.uploadId}`);
    const done = await settled(world.owner, upload);
    expect(done).toMatchObject({
      status: 'completed',
      file: { sha256: sha256Of(bytes), size: bytes.length },
    });
    const again = await completeUpload(world.owner, upload);
    expect({ status: again.status, json: again.json }).toEqual({ status: 200, json: done.file });
    const { id } = fileOf(done);
    expect((await world.owner.download(id)).body.equals(bytes)).toBe(true);
    // The URLs are good for nothing any more.
    expect((await put(first.url, randomBytes(PART))).status).toBe(404);
    expect((await world.owner.download(id)).body.equals(bytes)).toBe(true);
  });

  it('other bytes than were announced are never published', async () => {
    const victim = randomBytes(PART);
    const { id } = await world.admin.upload(victim);
    const bytes = randomBytes(PART);
    const upload = await begin(bytes, { sha256: sha256Of(victim) });
    await sendAll(upload, bytes);
    expect((await completeUpload(world.owner, upload)).status).toBe(202);
    expect(await settled(world.owner, upload)).toMatchObject({
      status: 'failed',
      failure: 'digest-mismatch',
    });
    expectProblem(await completeUpload(world.owner, upload), 422, 'digest-mismatch');
    expect((await world.admin.download(id)).body.equals(victim)).toBe(true);
  });

  it('a part of another length does not count', async () => {
    const bytes = randomBytes(PART + 10);
    const upload = await begin(bytes);
    const [first, last] = partsOf(upload) as [PartUrl, PartUrl];
    expect((await put(first.url, bytes.subarray(0, PART))).status).toBe(200);
    await put(last.url, randomBytes(9));
    expect((await getUpload(world.owner, upload)).received).toEqual([0]);
    expectProblem(await completeUpload(world.owner, upload), 409, 'upload-incomplete');
  });

  it('a file without bytes', async () => {
    const upload = await begin(Buffer.alloc(0));
    expect(upload.parts).toEqual([]);
    expect((await completeUpload(world.owner, upload)).status).toBe(202);
    expect(await settled(world.owner, upload)).toMatchObject({ status: 'completed', file: { size: 0 } });
  });

  it('completed by several at once: one file', async () => {
    const bytes = randomBytes(PART);
    const upload = await begin(bytes);
    await sendAll(upload, bytes);
    const answers = await Promise.all([1, 2, 3, 4].map(() => completeUpload(world.owner, upload)));
    for (const { status } of answers) expect([200, 202]).toContain(status);
    const { file } = await settled(world.owner, upload);
    const rows = await world.seed.query(
      'SELECT 1 FROM files WHERE tenant_id = $1 AND filename = $2 AND id >= $3',
      [world.tenantId, 'a.bin', file?.id],
    );
    expect(rows).toHaveLength(1);
  });

  it('one whose replica has died while it was reading is gone on with when it is asked for', async () => {
    const bytes = randomBytes(PART);
    const upload = await begin(bytes);
    await sendAll(upload, bytes);
    await world.seed.query(`UPDATE upload_sessions SET status = 'verifying' WHERE uid = $1`, [
      upload.uploadId,
    ]);
    expect(await settled(world.owner, upload)).toMatchObject({ status: 'completed' });
  });

  it('given up, its URLs are good for nothing', async () => {
    const upload = await begin(randomBytes(PART));
    const [{ url }] = partsOf(upload) as [PartUrl];
    expect((await world.owner.delete(`/api/v1/uploads/${upload.uploadId}`)).status).toBe(204);
    expect((await put(url, randomBytes(PART))).status).toBe(404);
  });

  it('404: its chunks do not come to us, and nobody else gets its URLs', async () => {
    const bytes = randomBytes(10);
    const upload = await begin(bytes);
    expectProblem(await putChunk(world.owner, upload, 0, bytes), 404, 'upload-not-found');
    const path = `/api/v1/uploads/${upload.uploadId}/parts`;
    expectProblem(await world.admin.post(path, { indexes: [0] }), 404, 'upload-not-found');
    const chunks = await beginUpload(world.owner, { size: 10 });
    const other = `/api/v1/uploads/${chunks.uploadId}/parts`;
    expectProblem(await world.owner.post(other, { indexes: [0] }), 404, 'upload-not-found');
  });

  it.each([
    {},
    { indexes: [] },
    { indexes: [1] },
    { indexes: [-1] },
    { indexes: [0.5] },
    { indexes: ['0'] },
    { indexes: [0, 0] },
    { indexes: Array.from({ length: 101 }, (_, index) => index) },
    { indexes: 0 },
  ])('400: parts of %j', async (body) => {
    const upload = await begin(randomBytes(10));
    const answer = await world.owner.post(`/api/v1/uploads/${upload.uploadId}/parts`, body);
    expectProblem(answer, 400, 'validation-failed');
  });

  it('422: to a volume that is no object store', async () => {
    const answer = await world.admin.post('/api/v1/uploads', {
      filename: 'a',
      size: 1,
      direct: true,
      volume: 'local',
    });
    expectProblem(answer, 422, 'direct-upload-unavailable');
  });
});
