import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem, type FileJson } from '../harness/api.js';
import { expireUploads } from '../harness/expire-uploads.js';
import { holdChunk, holdPatch, untilWriting } from '../harness/held-chunk.js';
import { useOwnStack } from '../harness/own-stack.js';
import { uploadPatiently } from '../harness/patient-upload.js';
import { Seed } from '../harness/seed.js';
import { inspectVolume } from '../harness/stored.js';
import { fileIdOf, tusCreate, tusPatch } from '../harness/tus.js';
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
} from '../harness/uploads.js';

const CHUNK = 2 * MEBIBYTE;
const CLEAN = { orphans: [], broken: [], unfinished: [] };

describe('uploads through two replicas', () => {
  const own = useOwnStack(UNLIMITED_UPLOADS, { replicas: 2 });
  let seed: Seed;
  let first: Api;
  let second: Api;
  beforeAll(() => {
    seed = Seed.open(own.stack);
    [first, second] = own.stack.appUrls.map((url) => own.admin.via(url)) as [Api, Api];
  });
  afterAll(() => seed.close());

  const begin = (size: number, chunkSize = CHUNK) => beginUpload(first, { size, chunkSize });
  const stored = () => inspectVolume(seed, join(own.stack.dataDir, 'blobs'));
  const bytesOf = async ({ id }: FileJson) => (await own.admin.download(id)).body;

  it('each chunk on the other one, and completed on both at once: one file', async () => {
    const bytes = randomBytes(6 * CHUNK + 1);
    const upload = await begin(bytes.length);
    for (let index = 0; index < upload.chunkCount; index += 1) {
      const api = index % 2 === 0 ? first : second;
      expect((await putChunk(api, upload, index, chunkOf(bytes, upload, index))).status).toBe(204);
    }
    const answers = await Promise.all(
      [first, second, first, second].map((api) => completeUpload(api, upload)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 201]);
    expect(new Set(answers.map(({ json }) => (json as FileJson).id)).size).toBe(1);
    expect((await bytesOf(answers[0]?.json as FileJson)).equals(bytes)).toBe(true);
  });

  it('many completions at once, many times: one file each, and never another answer', async () => {
    for (let round = 0; round < 20; round += 1) {
      const bytes = randomBytes(1_000);
      const upload = await begin(bytes.length);
      await putChunks(first, upload, bytes);
      const asked = [first, second, first, second, first, second].map(async (api, at) => {
        await sleep(at * round);
        return completeUpload(api, upload);
      });
      const statuses = (await Promise.all(asked)).map(({ status }) => status).sort();
      expect(statuses).toEqual([200, 200, 200, 200, 200, 201]);
    }
  });

  it('two clients that send the same chunks with other bytes: of each chunk one has won, whole', async () => {
    const ours = randomBytes(4 * CHUNK);
    const theirs = randomBytes(4 * CHUNK);
    const upload = await begin(ours.length);
    const sent = await Promise.all(
      [0, 1, 2, 3].map(async (index) => {
        const answers = await Promise.all([
          putChunk(first, upload, index, chunkOf(ours, upload, index)),
          putChunk(second, upload, index, chunkOf(theirs, upload, index)),
        ]);
        const statuses = answers.map(({ status }) => status);
        expect([...statuses].sort()).toEqual([204, 409]);
        return chunkOf(statuses[0] === 204 ? ours : theirs, upload, index);
      }),
    );
    const bytes = Buffer.concat(sent);
    const file = await completed(second, upload);
    expect(file.sha256).toBe(sha256Of(bytes));
    expect((await bytesOf(file)).equals(bytes)).toBe(true);
  });

  it('completed while the last chunk is on its way: 409, and again when it is there: 201', async () => {
    const bytes = randomBytes(2 * CHUNK);
    const upload = await begin(bytes.length);
    await putChunks(first, upload, bytes, [0]);
    const last = holdChunk(first, upload, 1, chunkOf(bytes, upload, 1));
    await untilWriting(seed, upload);
    expectProblem(await completeUpload(second, upload), 409, 'upload-incomplete');
    last.go();
    expect((await last.answer).status).toBe(204);
    expect((await completed(second, upload)).sha256).toBe(sha256Of(bytes));
  });

  it('a replica that stands still for 15 s in the middle of chunks: what others were told stays', async () => {
    const size = 8 * 8 * MEBIBYTE;
    const late = randomBytes(size);
    const bytes = randomBytes(size);
    const upload = await begin(size, 8 * MEBIBYTE);
    const indexes = [...Array(upload.chunkCount).keys()];
    // Some hold still in the middle, others are under full sail when the process stops.
    const held = indexes.map((index) =>
      holdChunk(
        first,
        upload,
        index,
        chunkOf(late, upload, index),
        index % 2 === 0 ? CHUNK : 8 * MEBIBYTE - 1,
      ),
    );
    await untilWriting(seed, upload, indexes.length);
    const [app] = own.stack.apps;
    app?.kill('SIGSTOP');
    for (const chunk of held) chunk.go();
    const since = performance.now();
    const answers = await Promise.all(
      indexes.map((index) => putChunk(second, upload, index, chunkOf(bytes, upload, index))),
    );
    expect(answers.map(({ status }) => status)).toEqual(indexes.map(() => 204));
    const waited = performance.now() - since;
    expect(waited).toBeLessThan(20_000);
    await sleep(Math.max(0, 15_000 - waited));
    app?.kill('SIGCONT');
    for (const { answer } of held) expectProblem(await answer, 409, 'upload-busy');
    const file = await completed(second, upload);
    expect(file.sha256).toBe(sha256Of(bytes));
    expect((await bytesOf(file)).equals(bytes)).toBe(true);
    expect(await stored()).toEqual(CLEAN);
  });

  it('a replica that stands still in the middle of a PATCH of tus: what others were told stays', async () => {
    const late = randomBytes(6 * MEBIBYTE);
    const path = await tusCreate(first, late.length);
    const held = holdPatch(first, path, 0, late);
    await untilWriting(seed, { uploadId: basename(path) });
    const [app] = own.stack.apps;
    app?.kill('SIGSTOP');
    held.go();
    const bytes = randomBytes(late.length);
    // The one that stands still keeps its turn until its lease has lapsed.
    const answer = await until(
      () => tusPatch(second, path, 0, bytes),
      ({ status }) => status !== 423,
      30_000,
    );
    expect(answer.status, answer.text).toBe(204);
    app?.kill('SIGCONT');
    expect([409, 423]).toContain((await held.answer).status);
    const file = (await own.admin.send(`/api/v1/files/${fileIdOf(answer)}`)).json as FileJson;
    expect(file.sha256).toBe(sha256Of(bytes));
    expect((await bytesOf(file)).equals(bytes)).toBe(true);
    expect(await stored()).toEqual(CLEAN);
  });

  it('PostgreSQL started again in the middle of chunks: the client goes on', async () => {
    const bytes = randomBytes(4 * CHUNK);
    const upload = await begin(bytes.length);
    await putChunks(first, upload, bytes, [0]);
    const held = [1, 2].map((index) => holdChunk(first, upload, index, chunkOf(bytes, upload, index)));
    await untilWriting(seed, upload, 2);
    await own.stack.postgres?.stop();
    held[0]?.go();
    const answer = await held[0]?.answer;
    if (answer === undefined) throw new Error('nobody answered');
    expectProblem(answer, 503, 'dependency-unavailable');
    expectProblem(await putChunk(first, upload, 3, chunkOf(bytes, upload, 3)), 503, 'dependency-unavailable');
    await own.stack.postgres?.start();
    held[1]?.go();
    expect([204, 409, 503]).toContain((await held[1]?.answer)?.status);
    const { received } = await getUpload(second, upload);
    expect(received).toContain(0);
    for (const index of [1, 2, 3]) {
      const again = await putChunk(second, upload, index, chunkOf(bytes, upload, index));
      expect(again.status, again.text).toBe(204);
    }
    expect((await completed(second, upload)).sha256).toBe(sha256Of(bytes));
  });

  it('Redis away: 503 within a second or so, and what is there stays', async () => {
    const bytes = randomBytes(3 * CHUNK);
    const upload = await begin(bytes.length);
    await putChunks(first, upload, bytes, [0]);
    const held = holdChunk(first, upload, 1, chunkOf(bytes, upload, 1));
    await untilWriting(seed, upload);
    await own.stack.redis?.stop();
    const since = performance.now();
    expectProblem(
      await putChunk(second, upload, 2, chunkOf(bytes, upload, 2)),
      503,
      'dependency-unavailable',
    );
    expect(performance.now() - since).toBeLessThan(3_000);
    // What was admitted before needs it no more.
    held.go();
    expect((await held.answer).status).toBe(204);
    await own.stack.redis?.start();
    const { file } = await uploadPatiently([first, second], bytes, {
      parallel: 2,
      order: (indexes) => indexes,
      patience: 20_000,
      chunkSize: CHUNK,
      upload,
    });
    expect(file?.sha256).toBe(sha256Of(bytes));
  });

  describe('nobody wants it any more', () => {
    const remains = ({ uploadId }: { uploadId: string }) =>
      Promise.all([
        seed.query('SELECT 1 FROM upload_sessions WHERE uid = $1', [uploadId]),
        seed.query('SELECT 1 FROM upload_chunks'),
        seed.query('SELECT 1 FROM upload_leases'),
        seed.query('SELECT 1 FROM pending_objects'),
      ]);

    it('DELETE while chunks are being written, here and there: they are not taken, and nothing is left', async () => {
      await seed.query('DELETE FROM upload_sessions');
      const bytes = randomBytes(4 * CHUNK);
      const upload = await begin(bytes.length);
      await putChunks(first, upload, bytes, [3]);
      const held = [0, 1, 2].map((index) =>
        holdChunk(index === 1 ? second : first, upload, index, chunkOf(bytes, upload, index)),
      );
      await untilWriting(seed, upload, 3);
      expect((await second.delete(`/api/v1/uploads/${upload.uploadId}`)).status).toBe(204);
      for (const chunk of held) {
        chunk.go();
        expect([404, 409]).toContain((await chunk.answer).status);
      }
      expect(await remains(upload)).toEqual([[], [], [], []]);
      expect(await stored()).toEqual(CLEAN);
    });

    it('swept while a chunk is being written: who writes is spared, and who stands still writes nowhere', async () => {
      const bytes = randomBytes(2 * CHUNK);
      const upload = await begin(bytes.length);
      const spared = holdChunk(first, upload, 0, chunkOf(bytes, upload, 0));
      await untilWriting(seed, upload);
      await expireUploads(own.admin, seed);
      spared.go();
      expect((await spared.answer).status).toBe(204);

      const late = holdChunk(first, upload, 1, chunkOf(bytes, upload, 1));
      await untilWriting(seed, upload);
      const [app] = own.stack.apps;
      app?.kill('SIGSTOP');
      late.go();
      await sleep(11_000);
      await expireUploads(second, seed);
      expect(await remains(upload)).toEqual([[], [], [], []]);
      app?.kill('SIGCONT');
      expect([404, 409]).toContain((await late.answer).status);
      expectProblem(await completeUpload(first, upload), 404, 'upload-not-found');
      expect(await remains(upload)).toEqual([[], [], [], []]);
      expect(await stored()).toEqual(CLEAN);
    });
  });
});
