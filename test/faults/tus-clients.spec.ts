import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Upload, type UploadOptions } from 'tus-js-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem } from '../harness/api.js';
import { describeInBrowser, useBrowser } from '../harness/browser.js';
import { hashOfFile, writeRandomFile } from '../harness/large-file.js';
import { useOwnStack } from '../harness/own-stack.js';
import { HAS_MINIO } from '../harness/stores.js';
import { fileIdOf, TUS, tusCreate, tusPatch, tusRequest } from '../harness/tus.js';
import { until } from '../harness/until.js';
import { UppyPage, type UppyState } from '../harness/uppy-page.js';
import { MEBIBYTE } from '../harness/uploads.js';

/** Bytes of the file that goes through the browser. */
const SIZE = Number(process.env.TUS_TEST_MEBIBYTES ?? 12) * MEBIBYTE;

const VOLUMES = HAS_MINIO ? ['local', 's3'] : ['local'];

describe('tus: real clients, and replicas that are killed', () => {
  let page: UppyPage;
  let folder: string;
  beforeAll(async () => {
    page = await UppyPage.serve();
    folder = await mkdtemp(join(tmpdir(), 'tus-clients-'));
  });
  afterAll(async () => {
    page.close();
    await rm(folder, { recursive: true, force: true });
  });
  const own = useOwnStack(
    () => ({
      CORS_ORIGINS: page.origin,
      RATE_LIMIT_API: '1000000',
      UPLOAD_MAX_SIZE: String(6 * 2 ** 30),
      S3_DELIVERY: 'accel-s3',
    }),
    { replicas: 2, restart: true, s3: HAS_MINIO },
  );

  const endpoint = () => `${own.stack.publicUrl}/api/v1/tus`;
  const options = (volume: string): UploadOptions => ({
    endpoint: endpoint(),
    headers: { Authorization: `Bearer ${own.admin.token ?? ''}` },
    metadata: { filename: 'тест.bin', filetype: 'video/mp4', volume },
    chunkSize: MEBIBYTE,
    retryDelays: Array<number>(40).fill(500),
  });
  /** Runs it to its end. @returns the id of the file */
  const run = (bytes: Buffer, more: UploadOptions): Promise<string> =>
    new Promise((resolve, reject) => {
      new Upload(bytes, {
        ...more,
        onError: reject,
        onSuccess: ({ lastResponse }) => {
          resolve(lastResponse.getHeader('X-File-Id') ?? '');
        },
      }).start();
    });
  const expectFile = async (id: string, bytes: Buffer) => {
    const { status, body } = await own.admin.download(id);
    expect(status).toBe(200);
    expect(body.equals(bytes)).toBe(true);
  };
  const killAll = () => {
    for (const { pid } of own.stack.apps) if (pid !== undefined) process.kill(pid, 'SIGKILL');
  };

  it.each(VOLUMES)('%s: four files at once', async (volume) => {
    const files = [0, 1, 5, 7].map((size) => randomBytes(size * MEBIBYTE + 77));
    const ids = await Promise.all(files.map((bytes) => run(bytes, options(volume))));
    await Promise.all(ids.map((id, index) => expectFile(id, files[index] ?? Buffer.alloc(0))));
  });

  it.each(VOLUMES)('%s: paused in the middle of a request, and resumed', async (volume) => {
    const bytes = randomBytes(32 * MEBIBYTE);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let pauses = 0;
    const upload = new Upload(bytes, {
      ...options(volume),
      chunkSize: Infinity,
      onProgress: (sent) => {
        if (pauses > 1 || sent < (pauses + 1) * 4 * MEBIBYTE) return;
        pauses += 1;
        void upload
          .abort()
          .then(() => sleep(200))
          .then(() => {
            upload.start();
          });
      },
      onError: reject,
      onSuccess: ({ lastResponse }) => {
        resolve(lastResponse.getHeader('X-File-Id') ?? '');
      },
    });
    upload.start();
    await expectFile(await promise, bytes);
    // What the kernel takes at a time may be all the rest.
    expect(pauses).toBeGreaterThan(0);
  });

  it.each(VOLUMES)('%s: one replica after the other is killed, nothing is lost', async (volume) => {
    const bytes = randomBytes(10 * MEBIBYTE + 1);
    let kills = 0;
    const accepted: number[] = [];
    const id = await run(bytes, {
      ...options(volume),
      onChunkComplete: (_, through) => {
        accepted.push(through);
        if (through < (kills + 1) * 3 * MEBIBYTE || kills === 2) return;
        const { pid } = own.stack.apps[kills] ?? {};
        if (pid !== undefined) process.kill(pid, 'SIGKILL');
        kills += 1;
      },
    });
    expect(kills).toBe(2);
    // What was acknowledged was never asked for again.
    expect(accepted).toEqual([...accepted].sort((a, b) => a - b));
    await expectFile(id, bytes);
  });

  it('a client that is killed goes on from its state file', async () => {
    const bytes = randomBytes(8 * MEBIBYTE);
    const [file, state] = [join(folder, 'a.bin'), join(folder, 'state.json')];
    await writeFile(file, bytes);
    const start = () =>
      spawn('node', ['test/harness/tus-client.mjs', endpoint(), own.admin.token ?? '', file, state]);
    const first = start();
    for await (const line of createInterface(first.stdout)) {
      if (Number(line) >= 3 * MEBIBYTE) break;
    }
    first.kill('SIGKILL');
    const second = start();
    const lines: string[] = [];
    for await (const line of createInterface(second.stdout)) lines.push(line);
    expect(lines[0]).toBe('RESUMED');
    expect(Number(lines[1])).toBeGreaterThan(3 * MEBIBYTE);
    await expectFile(lines.at(-1)?.split(' ')[1] ?? '', bytes);
  });

  it('423, not 503, to who asks how far it has come while PostgreSQL is away: 503 would make clients begin anew', async () => {
    const path = await tusCreate(own.admin, 10);
    await own.stack.postgres?.stop();
    try {
      const answer = await tusRequest(own.admin, 'HEAD', path);
      expect(answer.status).toBe(423);
      expect(answer.headers).toMatchObject({ 'retry-after': '1', 'tus-resumable': TUS['Tus-Resumable'] });
      expectProblem(await tusPatch(own.admin, path, 0, randomBytes(10)), 503, 'dependency-unavailable');
    } finally {
      await own.stack.postgres?.start();
    }
    const { status } = await until(
      () => tusRequest(own.admin, 'HEAD', path),
      (answer) => answer.status === 200,
    );
    expect(status).toBe(200);
    await expectFile(
      fileIdOf(await tusPatch(own.admin, path, 0, Buffer.from('0123456789'))),
      Buffer.from('0123456789'),
    );
  });

  describeInBrowser('Uppy in a browser, from a page of another origin', () => {
    const browser = useBrowser();
    const state = (): Promise<UppyState> =>
      browser.page.evaluate(() => (globalThis as unknown as { state: UppyState }).state);
    const untilSent = async (bytes: number) => {
      const now = await until(state, ({ sent, error }) => sent >= bytes || error !== undefined, 600_000);
      expect(now.error).toBeUndefined();
      expect(now.sent).toBeGreaterThanOrEqual(bytes);
      return now;
    };

    it(
      'the tab is reloaded once and the service killed twice; the file is the same',
      { timeout: 3_600_000 },
      async () => {
        const path = join(folder, 'holiday.mp4');
        const sha256 = await writeRandomFile(path, SIZE);
        page.use({
          endpoint: endpoint(),
          token: own.admin.token ?? '',
          chunkSize: Math.ceil(SIZE / 24),
          pause: 100,
        });
        const choose = async () => {
          await browser.page.goto(page.origin);
          await browser.page.locator('input').setInputFiles(path);
        };
        await choose();
        await untilSent(SIZE / 6);
        killAll();
        await untilSent(SIZE / 3);
        // The person closes the tab, comes back and chooses the same file.
        await choose();
        const { resumedFrom, created } = await untilSent(SIZE / 2);
        expect(created).toBeUndefined();
        expect(resumedFrom).toBeGreaterThanOrEqual(SIZE / 3);
        killAll();
        const { fileId = '' } = await until(state, (now) => now.fileId !== undefined, 600_000);
        await browser.screenshot('uploaded by Uppy');
        const saved = await browser.download(async () => {
          const link = `${own.stack.publicUrl}/download/${fileId}?token=${await linkTo(fileId)}`;
          await browser.page.setContent(`<a href="${link}">The file</a>`);
          await browser.page.getByRole('link').click();
        });
        expect(await hashOfFile(saved)).toBe(sha256);
      },
    );

    const linkTo = async (fileId: string): Promise<string> => {
      const answer = await own.admin.post(`/api/v1/files/${fileId}/tokens`, {});
      expect(answer.status, answer.text).toBe(201);
      return (answer.json as { token: string }).token;
    };
  });
});
