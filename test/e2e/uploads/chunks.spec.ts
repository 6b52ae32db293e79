import { randomBytes, randomUUID } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { describe, expect, it } from 'vitest';
import { expectProblem } from '../../harness/api.js';
import { UPLOAD_MAX_SIZE } from '../../harness/shared-stack.js';
import {
  beginUpload,
  chunkOf,
  completed,
  completeUpload,
  contentDigest,
  getUpload,
  MEBIBYTE,
  putChunk,
  putChunks,
  sha256Of,
  type UploadJson,
} from '../../harness/uploads.js';
import { useWorld } from '../../harness/world.js';

const CHUNK = 2 * MEBIBYTE;

describe('uploads in chunks', () => {
  const world = useWorld();

  const begin = (bytes: Buffer, more: Record<string, unknown> = {}) =>
    beginUpload(world.owner, { size: bytes.length, chunkSize: CHUNK, ...more });

  it('in order: the session says what there is, and the file is what was sent', async () => {
    const bytes = randomBytes(2 * CHUNK + 12_345);
    const created = await world.owner.post('/api/v1/uploads', {
      filename: 'файл 100%.bin',
      size: bytes.length,
      chunkSize: CHUNK,
      contentType: 'Application/PDF; x=y',
      visibility: 'tenant',
      sha256: sha256Of(bytes).toUpperCase(),
    });
    expect(created.status, created.text).toBe(201);
    const upload = created.json as UploadJson;
    expect(upload).toEqual({
      uploadId: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
      filename: 'файл 100%.bin',
      size: bytes.length,
      status: 'uploading',
      chunkSize: CHUNK,
      chunkCount: 3,
      received: [],
      expiresAt: expect.stringMatching(/Z$/) as unknown,
    });
    expect(created.headers.location).toBe(`/api/v1/uploads/${upload.uploadId}`);
    await putChunks(world.owner, upload, bytes, [0, 1]);
    expect((await getUpload(world.owner, upload)).received).toEqual([0, 1]);
    const early = await completeUpload(world.owner, upload);
    expectProblem(early, 409, 'upload-incomplete');
    await putChunks(world.owner, upload, bytes, [2]);
    const progress = await world.owner.post('/api/v1/uploads/progress', { uploadId: upload.uploadId });
    expect(progress.status).toBe(200);
    expect((progress.json as UploadJson).received).toEqual([0, 1, 2]);
    const answer = await completeUpload(world.owner, upload);
    expect(answer.status, answer.text).toBe(201);
    const file = answer.json as Record<string, unknown>;
    expect(answer.headers.location).toBe(`/api/v1/files/${String(file.id)}`);
    expect(file).toMatchObject({
      filename: 'файл 100%.bin',
      contentType: 'application/pdf',
      visibility: 'tenant',
      size: bytes.length,
      sha256: sha256Of(bytes),
    });
    const again = await completeUpload(world.owner, upload);
    expect(again.status).toBe(200);
    expect(again.json).toEqual(file);
    expect(await getUpload(world.owner, upload)).toMatchObject({ status: 'completed', file });
    expect((await world.owner.download(String(file.id))).body.equals(bytes)).toBe(true);
  });

  it('in any order and several at once', async () => {
    const bytes = randomBytes(7 * CHUNK + 1);
    const upload = await begin(bytes);
    const answers = await Promise.all(
      [7, 3, 5, 1, 0, 6, 2, 4].map((index) =>
        putChunk(world.owner, upload, index, chunkOf(bytes, upload, index)),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(204));
    const answer = await Promise.all([1, 2, 3, 4].map(() => completeUpload(world.owner, upload)));
    expect(answer.map(({ status }) => status).sort()).toEqual([200, 200, 200, 201]);
    expect(new Set(answer.map(({ json }) => (json as { id: string }).id)).size).toBe(1);
    expect((answer[0]?.json as { sha256: string }).sha256).toBe(sha256Of(bytes));
  });

  it('a file without bytes', async () => {
    const upload = await begin(Buffer.alloc(0));
    expect(upload.chunkCount).toBe(0);
    expectProblem(await putChunk(world.owner, upload, 0, Buffer.alloc(0)), 400, 'validation-failed');
    const file = await completed(world.owner, upload);
    expect((await world.owner.download(file.id)).body).toHaveLength(0);
  });

  it('a chunk again: the same bytes change nothing, others are refused', async () => {
    const bytes = randomBytes(CHUNK + 5);
    const upload = await begin(bytes);
    await putChunks(world.owner, upload, bytes, [0, 0, 1]);
    const others = await putChunk(world.owner, upload, 0, randomBytes(CHUNK));
    expectProblem(others, 409, 'chunk-differs');
    expect((await completed(world.owner, upload)).sha256).toBe(sha256Of(bytes));
  });

  it('a chunk of a file that is done: the same bytes are 204, and where there never were any it is 409', async () => {
    const bytes = randomBytes(CHUNK + 5);
    const upload = await begin(bytes);
    await putChunks(world.owner, upload, bytes);
    await completed(world.owner, upload);
    await putChunks(world.owner, upload, bytes, [1, 0]);
    expectProblem(await putChunk(world.owner, upload, 0, randomBytes(CHUNK)), 409, 'chunk-differs');
    // Its content is there: it is a file at once.
    const instant = await begin(bytes, { sha256: sha256Of(bytes) });
    expect(instant.file).toBeDefined();
    const chunk = await putChunk(world.owner, instant, 0, chunkOf(bytes, instant, 0));
    expectProblem(chunk, 409, 'upload-completed');
  });

  it("another file's hash with other bytes: 422, for good, and the other file stays", async () => {
    const victim = randomBytes(CHUNK);
    const { id } = await world.admin.upload(victim);
    const bytes = randomBytes(CHUNK);
    const upload = await begin(bytes, { sha256: sha256Of(victim) });
    await putChunks(world.owner, upload, bytes);
    expectProblem(await completeUpload(world.owner, upload), 422, 'digest-mismatch');
    expectProblem(await completeUpload(world.owner, upload), 422, 'digest-mismatch');
    expectProblem(await putChunk(world.owner, upload, 0, bytes), 422, 'digest-mismatch');
    expect(await getUpload(world.owner, upload)).toMatchObject({
      status: 'failed',
      failure: 'digest-mismatch',
    });
    expect((await world.admin.download(id)).body.equals(victim)).toBe(true);
  });

  describe('Content-Digest', () => {
    const bytes = randomBytes(1_000);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32c(bytes));
    const put = async (header: string) => {
      const upload = await begin(bytes);
      const answer = await putChunk(world.owner, upload, 0, bytes, { 'Content-Digest': header });
      expect((await getUpload(world.owner, upload)).received).toEqual(answer.status === 204 ? [0] : []);
      return answer;
    };

    it.each([
      ['sha-256', contentDigest(bytes)],
      ['crc32c', `crc32c=:${checksum.toString('base64')}:`],
      ['one that is known beside one that is not', `unixsum=:AAAA:, ${contentDigest(bytes)}`],
    ])('204: %s holds', async (_, header) => {
      expect((await put(header)).status).toBe(204);
    });

    it.each([
      ['sha-256', contentDigest(randomBytes(5))],
      ['crc32c', 'crc32c=:AAAAAA==:'],
      ['one of two', `${contentDigest(bytes)}, crc32c=:AAAAAA==:`],
    ])('422: %s does not hold', async (_, header) => {
      expectProblem(await put(header), 422, 'digest-mismatch');
    });

    it.each(['sha-256=abc', 'sha-256=:AAAA:', 'md5=:AAAA:', 'sha-256', ':', '', 'sha-256=:*:'])(
      '400: %j',
      async (header) => {
        const answer = await put(header);
        expectProblem(answer, 400, 'validation-failed');
        expect(answer.headers['want-content-digest']).toContain('sha-256');
      },
    );
  });

  it.each([
    ['longer', CHUNK + 1, 0],
    ['shorter', CHUNK - 1, 0],
    ['longer than the last one', 11, 1],
  ])('400: a chunk that is %s than its place', async (_, length, index) => {
    const upload = await begin(randomBytes(CHUNK + 10));
    const answer = await putChunk(world.owner, upload, index, randomBytes(length));
    expectProblem(answer, 400, 'validation-failed');
    expect((await getUpload(world.owner, upload)).received).toEqual([]);
  });

  it.each(['2', '-1', '1.5', 'x', '99999999999999999999', '0x0', '%00'])('400: chunk %j', async (index) => {
    const upload = await begin(randomBytes(CHUNK + 10));
    expectProblem(await putChunk(world.owner, upload, index, randomBytes(10)), 400, 'validation-failed');
  });

  it('411: a chunk without Content-Length', async () => {
    const upload = await begin(randomBytes(10));
    // A small body would get its length from nginx.
    const direct = world.owner.via(world.stack.streamUrl);
    const answer = await direct.send(`/api/v1/uploads/${upload.uploadId}/chunks/0`, {
      method: 'PUT',
      body: randomBytes(10),
      headers: { 'Transfer-Encoding': 'chunked' },
    });
    expectProblem(answer, 411, 'length-required');
  });

  it.each(['application/json', 'multipart/form-data; boundary=x', 'text/plain'])(
    'takes a chunk as it is, called %s',
    async (type) => {
      const bytes = Buffer.from('{"not": "json"');
      const upload = await begin(bytes);
      const answer = await putChunk(world.owner, upload, 0, bytes, { 'Content-Type': type });
      expect(answer.status, answer.text).toBe(204);
      expect((await completed(world.owner, upload)).sha256).toBe(sha256Of(bytes));
    },
  );

  it.each<[string, Record<string, unknown>]>([
    ['no name', { filename: undefined }],
    ['a name of 260 bytes', { filename: 'a'.repeat(260) }],
    ['a path', { filename: '../a' }],
    ['a name with a control character', { filename: 'a\nb' }],
    ['no size', { size: undefined }],
    ['a negative size', { size: -1 }],
    ['half a byte', { size: 1.5 }],
    ['a size in text', { size: '10' }],
    ['a size beyond all numbers', { size: 2 ** 53 }],
    ['a hash that is none', { sha256: 'abc' }],
    ['a chunk size below 2 MiB', { chunkSize: CHUNK - 1 }],
    ['a chunk size above 64 MiB', { chunkSize: 64 * MEBIBYTE + 1 }],
    ['a visibility that is none', { visibility: 'secret' }],
    ['a member that is none', { chunks: 3 }],
  ])('400: %s', async (_, members) => {
    const answer = await world.owner.post('/api/v1/uploads', { filename: 'a', size: 10, ...members });
    expectProblem(answer, 400, 'validation-failed');
  });

  it('413: a file that is too large by a byte', async () => {
    const answer = await world.owner.post('/api/v1/uploads', { filename: 'a', size: UPLOAD_MAX_SIZE + 1 });
    expectProblem(answer, 413, 'payload-too-large');
  });

  it('403 and 400: volumes are for admins, and must be there', async () => {
    const ask = (volume: string) => ({ filename: 'a', size: 1, volume });
    expectProblem(await world.owner.post('/api/v1/uploads', ask('local')), 403, 'forbidden');
    expectProblem(await world.admin.post('/api/v1/uploads', ask('x')), 400, 'validation-failed');
    expect((await world.admin.post('/api/v1/uploads', ask('local'))).status).toBe(201);
  });

  it('404: nobody finds the upload of another, whatever they may otherwise', async () => {
    const bytes = randomBytes(10);
    const upload = await begin(bytes);
    for (const other of [world.member, world.admin, world.foreign, world.foreignAdmin]) {
      expectProblem(await putChunk(other, upload, 0, bytes), 404, 'upload-not-found');
      expectProblem(await completeUpload(other, upload), 404, 'upload-not-found');
      expectProblem(await other.delete(`/api/v1/uploads/${upload.uploadId}`), 404, 'upload-not-found');
    }
    for (const id of [randomUUID(), '1', 'x', '%2e%2e']) {
      expectProblem(await world.owner.send(`/api/v1/uploads/${id}`), 404, 'upload-not-found');
    }
  });

  it('204: giving up removes what has arrived', async () => {
    const bytes = randomBytes(CHUNK + 1);
    const upload = await begin(bytes);
    await putChunks(world.owner, upload, bytes, [0]);
    expect((await world.owner.delete(`/api/v1/uploads/${upload.uploadId}`)).status).toBe(204);
    expectProblem(await completeUpload(world.owner, upload), 404, 'upload-not-found');
    expectProblem(await putChunk(world.owner, upload, 1, bytes.subarray(CHUNK)), 404, 'upload-not-found');
    expect(
      await world.seed.query('SELECT 1 FROM pending_objects WHERE tenant_id = $1', [world.tenantId]),
    ).not.toContainEqual(expect.objectContaining({ storage_path: upload.uploadId }));
  });

  it('410: an upload that nobody has gone on with', async () => {
    const upload = await begin(randomBytes(10));
    await world.seed.query('UPDATE upload_sessions SET expires_at = now() WHERE uid = $1', [upload.uploadId]);
    expectProblem(await putChunk(world.owner, upload, 0, randomBytes(10)), 410, 'upload-expired');
    expectProblem(await completeUpload(world.owner, upload), 410, 'upload-expired');
  });

  it('content that is there already is kept once', async () => {
    const bytes = randomBytes(CHUNK);
    const first = await world.owner.upload(bytes);
    const upload = await begin(bytes);
    await putChunks(world.owner, upload, bytes);
    const second = await completed(world.owner, upload);
    const rows = await world.seed.query<{ blob_id: string }>(
      'SELECT blob_id FROM files WHERE id = ANY ($1)',
      [[first.id, second.id]],
    );
    expect(new Set(rows.map(({ blob_id: blob }) => blob)).size).toBe(1);
  });
});
