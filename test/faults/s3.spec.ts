import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startStack } from '../../scripts/stack/start-stack.mjs';
import { type Api, expectProblem, type FileJson, multipart } from '../harness/api.js';
import type { Answer } from '../harness/http.js';
import { useOwnStack } from '../harness/own-stack.js';
import { useS3Link } from '../harness/s3-link.js';
import { Seed } from '../harness/seed.js';
import { HAS_MINIO } from '../harness/stores.js';

const MIB = 2 ** 20;
/** DESIGN §5: an S3 store that hangs gives an upload 503 within so many seconds. */
const UPLOAD_DEADLINE = 20;

const DELIVERIES = ['stream', 'accel-s3'] as const;

describe.skipIf(!HAS_MINIO).each(DELIVERIES)('an S3 store that fails (%s)', (delivery) => {
  const s3 = useS3Link(delivery);
  const own = useOwnStack(() => s3.env);
  const bytes = randomBytes(20 * MIB);
  const localBytes = randomBytes(MIB);
  let file: FileJson;
  let local: FileJson;
  let seed: Seed;

  beforeAll(async () => {
    seed = Seed.open(own.stack);
    file = await own.admin.upload(bytes);
    local = await withApplication({ DEFAULT_VOLUME: 'local' }, (admin) => admin.upload(localBytes));
  }, 60_000);
  afterAll(() => seed.close());
  afterEach(async () => {
    s3.store.part.kill('SIGCONT');
    if (!s3.store.part.running) await s3.store.part.start();
    s3.link.heal();
    s3.link.target = s3.store.port;
    // What a test has left in flight, and an open circuit, must not be the next one's.
    await expect.poll(async () => (await own.admin.download(file.id)).status, { timeout: 30_000 }).toBe(200);
  }, 60_000);

  /** What `work` gets of another application on the same data. */
  async function withApplication<T>(
    env: Record<string, string>,
    work: (admin: Api) => Promise<T>,
  ): Promise<T> {
    const { stack } = own;
    const other = await startStack({
      dataDir: join(stack.dataDir, 'other'),
      parts: ['app'],
      databaseUrl: stack.databaseUrl,
      redisUrl: stack.redisUrl,
      env: {
        ...s3.env,
        VOLUMES: stack.env.VOLUMES ?? '',
        JWT_SECRET_FILE: stack.env.JWT_SECRET_FILE ?? '',
        ...env,
      },
    });
    try {
      return await work(own.admin.via(other.appUrl));
    } finally {
      await other.stop();
    }
  }

  const upload = (content: Buffer) =>
    own.admin.send('/api/v1/files', {
      method: 'POST',
      ...multipart([{ name: 'file', value: content, filename: 'x' }]),
      timeout: 60_000,
    });

  /** Sends most of a large file, does `meanwhile`, and sends the rest. */
  const uploadDuring = (content: Buffer, meanwhile: () => Promise<void>): Promise<Answer> => {
    const { body, headers } = multipart([{ name: 'file', value: content, filename: 'x' }]);
    const held = Readable.from(
      (async function* () {
        const middle = content.length / 2;
        for (let at = 0; at < middle; at += MIB) yield body.subarray(at, Math.min(middle, at + MIB));
        await sleep(200);
        await meanwhile();
        for (let at = middle; at < body.length; at += MIB) yield body.subarray(at, at + MIB);
      })(),
    );
    return own.admin.send('/api/v1/files', { method: 'POST', body: held, headers, timeout: 60_000 });
  };

  const timed = async (request: Promise<Answer>): Promise<{ answer: Answer; seconds: number }> => {
    const since = performance.now();
    const answer = await request;
    return { answer, seconds: (performance.now() - since) / 1_000 };
  };

  /** Nothing that needs another volume, or none, waits for the store. */
  const expectOthersServed = async (until: Promise<unknown>): Promise<void> => {
    const over = new AbortController();
    void until.finally(() => {
      over.abort();
    });
    for (let round = 0; !over.signal.aborted || round === 0; round += 1) {
      const requests = [
        own.admin.send('/api/v1/files'),
        own.admin.download(local.id),
        own.admin.send(`/api/v1/files/${file.id}`),
      ];
      for (const { answer, seconds } of await Promise.all(requests.map(timed))) {
        expect(answer.status, answer.text.slice(0, 300)).toBe(200);
        // Who waits for the store does so for five seconds at least; these bodies alone take the machine for one.
        expect(seconds).toBeLessThan(2.5);
      }
      await sleep(250);
    }
  };

  const expectRecovery = async (): Promise<void> => {
    const since = performance.now();
    let answer = await own.admin.download(file.id);
    while (answer.status === 503 && performance.now() - since < 10_000) {
      await sleep(100);
      answer = await own.admin.download(file.id);
    }
    expect(answer.status, answer.text.slice(0, 300)).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
    expect(performance.now() - since).toBeLessThan(6_000);
    expect((await own.admin.upload(randomBytes(100))).size).toBe(100);
  };

  /** As if hours had passed; a replica sweeps when it starts. */
  const sweep = async (): Promise<void> => {
    await seed.query(`UPDATE pending_objects SET seen_at = now() - interval '2 hours'`);
    await seed.query(
      `UPDATE pending_objects SET removing_at = now() - interval '2 hours' WHERE removing_at IS NOT NULL`,
    );
    await own.stack.app?.stop();
    await own.stack.app?.start();
    for (let round = 0; round < 200; round += 1) {
      if ((await seed.query('SELECT 1 FROM pending_objects')).length === 0) return;
      await sleep(50);
    }
    throw new Error('the sweep has left rows');
  };

  /** Every object is a blob's, and every blob has its object. */
  const expectNothingLeft = async (): Promise<void> => {
    const path = async (table: 'pending_objects' | 'blobs') =>
      (
        await seed.query<{ storage_path: string }>(`SELECT storage_path FROM ${table} WHERE volume = 's3'`)
      ).map(({ storage_path }) => storage_path);
    const pending = await path('pending_objects');
    await sweep();
    const blobs = (await path('blobs')).toSorted();
    const contents = async (key: string) => (await s3.store.contents(s3.volume.bucket, key)).toSorted();
    for (const key of [...pending, 'none']) await expect.poll(() => contents(key)).toEqual(blobs);
  };

  const answerOverloaded = (overloaded: boolean): void => {
    s3.link.target = overloaded ? s3.overloaded : s3.store.port;
    s3.link.cut();
  };
  /** How it begins, and how it ends. */
  const faults: [string, () => unknown, () => unknown][] = [
    [
      'frozen',
      () => {
        s3.store.part.kill('SIGSTOP');
      },
      () => {
        s3.store.part.kill('SIGCONT');
      },
    ],
    [
      'killed and not there',
      () => {
        s3.store.part.kill('SIGKILL');
        return s3.store.part.exited;
      },
      () => s3.store.part.start(),
    ],
    [
      'silent, as behind a broken link',
      () => {
        s3.link.set({ stalled: true });
      },
      () => {
        s3.link.heal();
      },
    ],
    [
      'overloaded (503 SlowDown)',
      () => {
        answerOverloaded(true);
      },
      () => {
        answerOverloaded(false);
      },
    ],
  ];

  it.each(faults)(
    '%s: 503 in time, the others served, and recovery by itself; nothing is left behind',
    { timeout: 180_000 },
    async (_, begin, end) => {
      // Acknowledged: it is there whatever comes.
      const kept = await own.admin.upload(bytes.subarray(0, 9 * MIB));
      const inTheMiddle: Promise<{ answer: Answer; seconds: number }>[] = [];
      await new Promise<void>((begun, failed) => {
        let since = 0;
        const uploading = uploadDuring(randomBytes(32 * MIB), async () => {
          await begin();
          since = performance.now();
          begun();
        });
        inTheMiddle.push(
          uploading.then((answer) => ({ answer, seconds: (performance.now() - since) / 1_000 })),
        );
        uploading.catch(failed);
      });
      const requests = [
        ...inTheMiddle,
        timed(upload(randomBytes(1_000))),
        timed(upload(randomBytes(20 * MIB))),
        // More than there are connections to PostgreSQL.
        ...Array.from({ length: 24 }, () => timed(upload(randomBytes(10)))),
        ...Array.from({ length: 8 }, () => timed(own.admin.download(file.id))),
      ];
      const answers = Promise.all(requests);
      await expectOthersServed(answers);
      for (const { answer, seconds } of await answers) {
        expectProblem(answer, 503, 'dependency-unavailable');
        expect(answer.text).not.toMatch(/minio|SlowDown|ECONN|127\.0\.0\.1/i);
        expect(seconds).toBeLessThan(UPLOAD_DEADLINE);
      }
      await end();
      await expectRecovery();
      expect((await own.admin.download(kept.id)).body.equals(bytes.subarray(0, 9 * MIB))).toBe(true);
      await expectNothingLeft();
    },
  );

  it('frozen: redirects still answer within a second, by an application that redirects', async () => {
    await withApplication({ S3_DELIVERY: 'auto' }, async (admin) => {
      expect((await admin.download(file.id)).status).toBe(302);
      s3.store.part.kill('SIGSTOP');
      for (let round = 0; round < 10; round += 1) {
        const { answer, seconds } = await timed(admin.download(file.id, { Range: 'bytes=5-9' }));
        expect(answer.status).toBe(302);
        expect(seconds).toBeLessThan(1);
      }
    });
  });

  it('slow: uploads and downloads take their time and are right', { timeout: 120_000 }, async () => {
    s3.link.set({ latency: 30, bandwidth: 3 * MIB });
    const content = randomBytes(20 * MIB);
    const answer = await upload(content);
    expect(answer.status, answer.text).toBe(201);
    const { id } = answer.json as FileJson;
    const again = await own.admin.send(`/download/${id}`, { timeout: 60_000 });
    expect(again.body.equals(content)).toBe(true);
  });

  it('cut in the middle of an upload: the parts are sent again', { timeout: 60_000 }, async () => {
    const content = randomBytes(24 * MIB);
    s3.link.set({ cutAfterUp: 14 * MIB });
    setTimeout(() => {
      s3.link.heal();
    }, 2_000);
    const answer = await upload(content);
    expect(answer.status, answer.text).toBe(201);
    expect((await own.admin.download((answer.json as FileJson).id)).body.equals(content)).toBe(true);
    await expectNothingLeft();
  });

  it('cut in the middle of a download: the client sees an error, never a short 200', async () => {
    for (const origin of delivery === 'stream'
      ? [own.stack.publicUrl, own.stack.appUrl]
      : [own.stack.publicUrl]) {
      s3.link.set({ cutAfterDown: 5 * MIB });
      await expect(own.admin.via(origin).download(file.id)).rejects.toThrow(/aborted|ECONNRESET|hang up/);
      s3.link.heal();
      const rest = await own.admin.via(origin).download(file.id, { Range: `bytes=${5 * MIB}-` });
      expect(rest.body.equals(bytes.subarray(5 * MIB))).toBe(true);
    }
  });

  it(
    'stalled in the middle of a download: the same, when nobody waits any more',
    { timeout: 90_000 },
    async () => {
      const downloading = own.admin.send(`/download/${file.id}`, { timeout: 60_000 });
      s3.link.set({ bandwidth: 4 * MIB });
      setTimeout(() => {
        s3.link.set({ stalled: true });
      }, 1_500);
      const since = performance.now();
      await expect(downloading).rejects.toThrow(/aborted|ECONNRESET|hang up/);
      // Ours, and nginx's (deploy/nginx/store-location.conf.template).
      expect(performance.now() - since).toBeLessThan(delivery === 'stream' ? 15_000 : 40_000);
    },
  );

  it('deleted or changed behind our back: 502 content-missing, and a line in the log', async () => {
    const logged = (requestId: string): unknown => {
      const lines = readFileSync(join(own.stack.dataDir, 'log/app.log'), 'utf8').split('\n');
      const line = lines.find((text) => text.includes(requestId) && text.includes('"content-missing"'));
      return line === undefined ? undefined : JSON.parse(line);
    };
    for (const content of [undefined, Buffer.alloc(10), Buffer.alloc(2 * MIB)]) {
      const lost = await own.admin.upload(randomBytes(MIB));
      const [blob] = await seed.query<{ storage_path: string }>(
        'SELECT storage_path FROM blobs WHERE sha256 = $1',
        [lost.sha256],
      );
      const key = blob?.storage_path ?? '';
      if (content === undefined) await s3.store.delete(s3.volume.bucket, key);
      else await s3.store.put(s3.volume.bucket, key, content);
      for (const range of ['bytes=0-9', undefined]) {
        const answer = await own.admin.download(lost.id, range === undefined ? {} : { Range: range });
        expectProblem(answer, 502, 'content-missing');
        const { requestId } = answer.json as { requestId: string };
        await expect.poll(() => logged(requestId)).toMatchObject({ level: 'error', code: 'content-missing' });
      }
    }
  });
});
