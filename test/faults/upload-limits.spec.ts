import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem, type FileJson, multipart } from '../harness/api.js';
import { useOwnStack } from '../harness/own-stack.js';
import { Seed } from '../harness/seed.js';
import { expectUsageIsRight } from '../harness/storage-usage.js';
import {
  beginUpload,
  completed,
  completeUpload,
  getUpload,
  MEBIBYTE,
  putChunk,
  putChunks,
  type UploadJson,
} from '../harness/uploads.js';

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=',
  'base64',
);
const PROGRAM = Buffer.concat([Buffer.from('MZ\x90\x00', 'latin1'), Buffer.alloc(10_000)]);

describe('quotas and kill -9', () => {
  const own = useOwnStack({ UPLOAD_USER_QUOTA: String(40 * 20_000) });
  let seed: Seed;
  let tenantId: string;
  beforeAll(async () => {
    seed = Seed.open(own.stack);
    tenantId = await seed.tenant();
  });
  afterAll(() => seed.close());

  it('killed 8 times in storms of uploads and deletions: what is counted is what is there, and never above the quota', async () => {
    const account = await seed.user(tenantId);
    const api = await own.anonymous.login(account.email, account.password);
    const known: string[] = [];
    const outcomes = new Map<number, number>();
    let answered = 0;
    const upload = async () => {
      const value = randomBytes(20_000);
      const answer = await api.sendForm([{ name: 'file', value, filename: 'x' }]).catch(() => undefined);
      const status = answer?.status ?? 0;
      answered += 1;
      outcomes.set(status, (outcomes.get(status) ?? 0) + 1);
      if (status === 201) known.push((answer?.json as FileJson).id);
    };
    const remove = async () => {
      const id = known.shift();
      if (id !== undefined) await api.delete(`/api/v1/files/${id}`).catch(() => undefined);
    };
    for (let round = 0; round < 8; round += 1) {
      const storm = Promise.all(Array.from({ length: 24 }, (_, at) => (at % 4 === 3 ? remove() : upload())));
      // In the midst of it: after so many answers.
      for (const before = answered; answered < before + 1 + round;) await sleep(1);
      own.stack.app?.kill('SIGKILL');
      await own.stack.app?.exited;
      await storm;
      await expectUsageIsRight(seed, [tenantId]);
      await own.stack.app?.start();
    }
    // Kills have hit some, and have let others pass.
    expect(outcomes.get(201) ?? 0).toBeGreaterThan(10);
    expect([...outcomes.keys()].filter((status) => status !== 201 && status !== 507).length).toBeGreaterThan(
      0,
    );
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 30 }, upload));
    }
    expect(outcomes.get(507) ?? 0).toBeGreaterThan(0);
    await expectUsageIsRight(seed, [tenantId]);
    const usage = (await api.send('/api/v1/auth/usage')).json as Record<string, number>;
    expect(usage).toEqual({ usedBytes: 40 * 20_000, reservedBytes: 0, quotaBytes: 40 * 20_000 });
  }, 180_000);
});

describe('unfinished uploads of a user', () => {
  const own = useOwnStack({
    UPLOAD_MAX_SESSIONS: '3',
    UPLOAD_MAX_IN_FLIGHT: String(10 * MEBIBYTE),
    UPLOAD_MAX_SIZE: String(100 * MEBIBYTE),
  });
  let seed: Seed;
  let tenantId: string;
  beforeAll(async () => {
    seed = Seed.open(own.stack);
    tenantId = await seed.tenant();
  });
  afterAll(() => seed.close());

  const newcomer = async () => {
    const { email, password } = await seed.user(tenantId);
    return own.anonymous.login(email, password);
  };
  const begin = (api: Api, size: number) => api.post('/api/v1/uploads', { filename: 'a', size });

  it('429 for more than UPLOAD_MAX_SESSIONS, however many are begun at once; others have their own', async () => {
    const [api, other] = [await newcomer(), await newcomer()];
    const answers = await Promise.all(Array.from({ length: 20 }, () => begin(api, 1_000)));
    for (const answer of answers) if (answer.status !== 201) expectProblem(answer, 429, 'too-many-uploads');
    const begun = answers.filter(({ status }) => status === 201).map(({ json }) => json as UploadJson);
    expect(begun).toHaveLength(3);
    expect((await begin(other, 1_000)).status).toBe(201);
    // One that is aborted, and one that is completed, make room.
    expect((await api.delete(`/api/v1/uploads/${begun[0]?.uploadId ?? ''}`)).status).toBe(204);
    expect((await begin(api, 1_000)).status).toBe(201);
    const last = begun[1] ?? expect.fail();
    await putChunks(api, last, randomBytes(1_000));
    await completed(api, last);
    expect((await begin(api, 1_000)).status).toBe(201);
    expectProblem(await begin(api, 1_000), 429, 'too-many-uploads');
    await expectUsageIsRight(seed, [tenantId]);
  });

  it('429 for more than UPLOAD_MAX_IN_FLIGHT together; 413 for what is more by itself', async () => {
    const api = await newcomer();
    expectProblem(await begin(api, 10 * MEBIBYTE + 1), 413, 'payload-too-large');
    expect((await begin(api, 6 * MEBIBYTE)).status).toBe(201);
    expectProblem(await begin(api, 4 * MEBIBYTE + 1), 429, 'too-many-uploads');
    expect((await begin(api, 4 * MEBIBYTE)).status).toBe(201);
    // Forms are no uploads in parts.
    await api.upload(randomBytes(MEBIBYTE));
    await expectUsageIsRight(seed, [tenantId]);
  });

  it('kill -9 among creations, completions and abortions: what is counted is what is there', async () => {
    const people = await Promise.all(Array.from({ length: 4 }, newcomer));
    for (let round = 0; round < 4; round += 1) {
      let answered = 0;
      const storm = Promise.all(
        people.map(async (api) => {
          for (let at = 0; at < 40; at += 1) {
            const answer = await begin(api, 1_000).catch(() => undefined);
            answered += 1;
            if (answer === undefined) return;
            if (answer.status !== 201) {
              await seed.query(
                `DELETE FROM upload_sessions WHERE tenant_id = $1 AND created_at < now() - interval '1 second'`,
                [tenantId],
              );
              continue;
            }
            const upload = answer.json as UploadJson;
            await putChunk(api, upload, 0, randomBytes(1_000)).catch(() => undefined);
            const end =
              at % 2 === 0 ? completeUpload(api, upload) : api.delete(`/api/v1/uploads/${upload.uploadId}`);
            await end.catch(() => undefined);
          }
        }),
      );
      while (answered < 12 + 7 * round) await sleep(1);
      own.stack.app?.kill('SIGKILL');
      await own.stack.app?.exited;
      await storm;
      expect(await expectUsageIsRight(seed, [tenantId])).toBeGreaterThan(1);
      await own.stack.app?.start();
    }
  }, 120_000);
});

describe('content types', () => {
  const own = useOwnStack({
    UPLOAD_TYPES_ALLOWED: 'image/*, text/plain, application/octet-stream',
    UPLOAD_TYPES_DENIED: 'image/svg+xml',
  });
  let seed: Seed;
  beforeAll(() => {
    seed = Seed.open(own.stack);
  });
  afterAll(() => seed.close());

  const send = (value: Buffer | string, type: string | undefined, api: Api = own.admin) =>
    api.sendForm([{ name: 'file', value, filename: 'x', ...(type !== undefined && { type }) }]);
  const left = async () => {
    const entries = await readdir(join(own.stack.dataDir, 'blobs'), { recursive: true, withFileTypes: true });
    return {
      bytes: entries.filter((entry) => entry.isFile()).length,
      pending: (await seed.query('SELECT FROM pending_objects')).length,
    };
  };
  const detailOf = (answer: { json: unknown }) => (answer.json as { detail: string }).detail;

  it('201: what is allowed, with the type that it looks like beside the one that is claimed', async () => {
    const answer = await send(PNG, 'Image/X-Own; a=b');
    expect(answer.status, answer.text).toBe(201);
    const file = answer.json as FileJson & { detectedType: string | null };
    expect(file).toMatchObject({ contentType: 'image/x-own', detectedType: 'image/png' });
    expect((await own.admin.send(`/api/v1/files/${file.id}`)).json).toMatchObject({
      detectedType: 'image/png',
    });
    const list = (await own.admin.send('/api/v1/files')).json as { items: unknown[] };
    expect(list.items).toContainEqual(file);
    // What it looks like is not what a download says.
    const download = await own.admin.download(file.id);
    expect(download.headers['content-type']).toBe('image/x-own');
    expect(download.headers['x-content-type-options']).toBe('nosniff');
    expect(download.body.equals(PNG)).toBe(true);
  });

  it('201: text looks like nothing', async () => {
    const answer = await send('plain words', 'text/plain');
    expect(answer.json).toMatchObject({ contentType: 'text/plain', detectedType: null });
    expect((await send('', 'text/plain')).json).toMatchObject({ size: 0, detectedType: null });
  });

  it.each([
    ['claimed', 'text', 'application/pdf', 'Files of type application/pdf are not taken.'],
    [
      'denied, though its kind is allowed',
      '<svg/>',
      'image/svg+xml',
      'Files of type image/svg+xml are not taken.',
    ],
    [
      'that nobody claims',
      PROGRAM,
      undefined,
      'The content looks like application/x-msdownload, which is not taken.',
    ],
    [
      'hidden behind a claim',
      PROGRAM,
      'image/png',
      'The content looks like application/x-msdownload, which is not taken.',
    ],
    [
      'shorter than what is looked at',
      PROGRAM.subarray(0, 300),
      'text/plain',
      'The content looks like application/x-msdownload, which is not taken.',
    ],
  ])('415: a type %s; nothing is left behind', async (_, value, type, detail) => {
    const before = await left();
    const answer = await send(value, type);
    expectProblem(answer, 415, 'content-type-not-allowed');
    expect(detailOf(answer)).toBe(detail);
    expect(await left()).toEqual(before);
  });

  it('415 when the first bytes are there: the rest is not waited for', async () => {
    const { body, headers } = multipart([
      {
        name: 'file',
        value: Buffer.concat([PROGRAM, Buffer.alloc(2 ** 20)]),
        filename: 'x',
        type: 'image/png',
      },
    ]);
    const before = await left();
    const slowly = Readable.from(
      (async function* () {
        yield body.subarray(0, 20_000);
        await sleep(4_000);
        yield body.subarray(20_000);
      })(),
    );
    const since = performance.now();
    const answer = await own.admin
      .via(own.stack.appUrl)
      .send('/api/v1/files', { method: 'POST', body: slowly, headers });
    expectProblem(answer, 415, 'content-type-not-allowed');
    expect(performance.now() - since).toBeLessThan(3_000);
    expect(await left()).toEqual(before);
  });

  it('415 for an upload in parts: by its claim at the creation, by its bytes at the end, and then it has failed', async () => {
    const before = await left();
    expectProblem(
      await own.admin.post('/api/v1/uploads', { filename: 'a', size: 5, contentType: 'text/html' }),
      415,
      'content-type-not-allowed',
    );
    expect(await left()).toEqual(before);
    const upload = await beginUpload(own.admin, { size: PROGRAM.length, contentType: 'image/png' });
    await putChunks(own.admin, upload, PROGRAM);
    expectProblem(await completeUpload(own.admin, upload), 415, 'content-type-not-allowed');
    expect(await getUpload(own.admin, upload)).toMatchObject({
      status: 'failed',
      failure: 'content-type-not-allowed',
    });
    expect(await left()).toEqual(before);
  });

  it('bytes come through as they are, whatever pieces they come in', async () => {
    for (const length of [1, 4_099, 4_100, 4_101, 300_000]) {
      const bytes = randomBytes(length).fill('text', 0, Math.min(length, 60));
      const { body, headers } = multipart([{ name: 'file', value: bytes, filename: 'x' }]);
      const pieces = Readable.from(
        (function* () {
          for (let at = 0, step = 1; at < body.length; at += step, step = (step * 7) % 5_003) {
            yield body.subarray(at, at + step);
          }
        })(),
      );
      const answer = await own.admin.send('/api/v1/files', { method: 'POST', body: pieces, headers });
      expect(answer.json).toMatchObject({
        size: length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        detectedType: null,
      });
    }
  });

  it('a file is not called otherwise later: PATCH answers 415, too', async () => {
    const file = await own.admin.upload(PNG, { type: 'image/png' });
    const patch = (contentType: string) => own.admin.patch(`/api/v1/files/${file.id}`, { contentType });
    expectProblem(await patch('text/html'), 415, 'content-type-not-allowed');
    expect((await patch('image/webp')).json).toMatchObject({ contentType: 'image/webp' });
  });

  it('content that was stored before anybody looked is looked at when it comes again', async () => {
    const bytes = Buffer.concat([PNG, randomBytes(20)]);
    const first = await own.admin.upload(bytes, { type: 'image/png' });
    await seed.query('UPDATE blobs SET detected_type = NULL WHERE sha256 = $1', [first.sha256]);
    expect((await send(bytes, 'image/png')).json).toMatchObject({ detectedType: 'image/png' });
    expect((await own.admin.send(`/api/v1/files/${first.id}`)).json).toMatchObject({
      detectedType: 'image/png',
    });
  });
});
