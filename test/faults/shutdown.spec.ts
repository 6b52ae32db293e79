import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { expectProblem, type FileJson, multipart } from '../harness/api.js';
import { recordOf } from '../harness/downloads.js';
import { useOwnStack } from '../harness/own-stack.js';
import { Seed } from '../harness/seed.js';
import { SlowDownload } from '../harness/slow-download.js';

describe('SIGTERM', () => {
  const own = useOwnStack({ SHUTDOWN_DELAY: '1' });

  it('readiness fails first, requests in flight finish, then the process ends with 0', async () => {
    const bytes = randomBytes(200_000);
    const { body, headers } = multipart([{ name: 'file', value: bytes, filename: 'slow.bin' }]);
    // Arrives over two and a half seconds: begun before the signal, ended after the application stopped listening.
    const slowly = Readable.from(
      (async function* () {
        for (let at = 0; at < body.length; at += 20_000) {
          yield body.subarray(at, at + 20_000);
          await sleep(230);
        }
      })(),
    );
    const uploading = own.admin.send('/api/v1/files', { method: 'POST', body: slowly, headers });
    await sleep(300);

    const { app } = own.stack;
    const since = performance.now();
    app?.kill('SIGTERM');
    await sleep(300);
    const ready = await own.anonymous.via(own.stack.appUrl).send('/health/ready');
    expect(ready.status).toBe(503);
    expect(ready.json).toMatchObject({ code: 'not-ready' });
    expect((await own.anonymous.via(own.stack.appUrl).send('/health/live')).status).toBe(200);
    expect((await own.admin.send('/api/v1/auth/me')).status).toBe(200);

    const answer = await uploading;
    expect(answer.status, answer.text).toBe(201);
    const exit = await app?.exited;
    expect(exit).toEqual({ code: 0, signal: null });
    expect(performance.now() - since).toBeLessThan(6_000);

    await app?.start();
    expect((await own.admin.download((answer.json as FileJson).id)).body.equals(bytes)).toBe(true);
  });

  it('a download that it sends itself goes on to its end, which is told; its place is free', async () => {
    const seed = Seed.open(own.stack);
    try {
      const { id: userId, email, password } = await seed.user(await seed.defaultTenant());
      const limits = { userRate: 200_000, maxConcurrentDownloads: 1 };
      expect((await own.admin.patch(`/api/v1/users/${userId}`, { limits })).status).toBe(200);
      const user = await own.anonymous.login(email, password);
      const bytes = randomBytes(600_000);
      const { id } = await user.upload(bytes);
      // Past nginx: of its end nobody else tells.
      const one = await SlowDownload.begin(`${own.stack.appUrl}/download/${id}`, {
        Authorization: `Bearer ${user.token ?? ''}`,
      });
      const { app } = own.stack;
      app?.kill('SIGTERM');
      expect((await one.rest()).equals(bytes)).toBe(true);
      expect(await app?.exited).toEqual({ code: 0, signal: null });
      expect(await recordOf(seed, one.downloadId)).toMatchObject({
        state: 'COMPLETED',
        open: 0,
        bytes: bytes.length,
      });
      await app?.start();
      expect((await user.download(id)).status).toBe(200);
    } finally {
      await seed.close();
    }
  });

  it('ends promptly when nothing is in flight, idle connections notwithstanding', async () => {
    await own.admin.send('/api/v1/auth/me');
    const since = performance.now();
    own.stack.app?.kill('SIGTERM');
    expect(await own.stack.app?.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - since).toBeLessThan(2_500);
    // While it is away nginx answers, also to what would be too large for any other route.
    const file = { name: 'file', value: randomBytes(1024 * 1024), filename: 'x' };
    expectProblem(await own.admin.sendForm([file]), 503, 'dependency-unavailable');
    await own.stack.app?.start();
  });
});
