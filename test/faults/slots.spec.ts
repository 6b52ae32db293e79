import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem, type FileJson } from '../harness/api.js';
import { recordAtRest, recordOf } from '../harness/downloads.js';
import { useOwnStack } from '../harness/own-stack.js';
import { signalProcess } from '../harness/processes.js';
import { Seed, type SeededUser } from '../harness/seed.js';
import { SlowDownload } from '../harness/slow-download.js';
import { until } from '../harness/until.js';

const run = promisify(execFile);

/** RULES 4.3, 4.4: a slot is held while a transfer of its logical download is open, wherever, and not longer. */
describe('downloads at once, on two replicas behind one nginx', () => {
  const LIMIT = 3;
  const own = useOwnStack(
    {
      DOWNLOAD_MAX_CONCURRENT: String(LIMIT),
      DOWNLOAD_MAX_CONNECTIONS: '8',
      RATE_LIMIT_API: '1000000',
      RATE_LIMIT_LOGINS: '1000000',
    },
    { replicas: 2, restart: true },
  );
  const bytes = randomBytes(24 * 2 ** 20);
  let seed: Seed;
  let tenantId: string;
  let account: SeededUser;
  let user: Api;
  let file: FileJson;
  let url: string;
  let authorization: Record<string, string>;
  const running: SlowDownload[] = [];

  beforeAll(async () => {
    seed = Seed.open(own.stack);
    tenantId = await seed.tenant();
  });
  afterAll(() => seed.close());
  afterEach(() => {
    for (const one of running.splice(0)) one.cut();
  });

  const someone = async (): Promise<void> => {
    account = await seed.user(tenantId);
    user = await own.anonymous.login(account.email, account.password);
    file = await user.upload(bytes);
    url = `${own.stack.publicUrl}/download/${file.id}`;
    authorization = { Authorization: `Bearer ${user.token ?? ''}` };
  };
  const begin = async (headers: Record<string, string> = {}): Promise<SlowDownload> => {
    const one = await SlowDownload.begin(url, { ...authorization, ...headers });
    running.push(one);
    return one;
  };
  const full = async (): Promise<void> => {
    for (let place = 0; place < LIMIT; place += 1) expect((await begin()).status).toBe(200);
    expectProblem(await user.download(file.id), 429, 'too-many-downloads');
  };

  it('the one too many is refused, and taken as soon as one has ended', async () => {
    await someone();
    await full();
    const [first] = running;
    const since = Date.now();
    const waiting = user.download(file.id, { Range: 'bytes=0-9' });
    first?.cut();
    expect((await waiting).status).toBe(206);
    expect(Date.now() - since).toBeLessThan(1_500);
    // One that is read to its end, too.
    expect((await recordAtRest(seed, first?.downloadId ?? '')).state).toBe('ACTIVE');
    expect((await running[1]?.rest())?.equals(bytes)).toBe(true);
    expect((await recordAtRest(seed, running[1]?.downloadId ?? '')).state).toBe('COMPLETED');
    expect((await begin()).status).toBe(200);
  });

  it('never more than allowed, however many ask at once, and again and again', async () => {
    await someone();
    for (let round = 0; round < 10; round += 1) {
      const all = await Promise.all(Array.from({ length: 24 }, () => begin()));
      expect(all.filter(({ status }) => status === 200)).toHaveLength(LIMIT);
      expect(all.filter(({ status }) => status === 429)).toHaveLength(24 - LIMIT);
      for (const one of running.splice(0)) one.cut();
      for (const { status, downloadId } of all) {
        if (status === 200) expect((await recordAtRest(seed, downloadId)).open).toBe(0);
      }
    }
  });

  it('what is refused or has nothing to send takes none', async () => {
    await someone();
    for (let round = 0; round < 3 * LIMIT; round += 1) {
      expect((await user.download(file.id, {}, 'HEAD')).status).toBe(200);
      expect((await user.download(file.id, { 'If-None-Match': `"${file.sha256}"` })).status).toBe(304);
      expect((await user.download(file.id, { Range: 'bytes=99999999-' })).status).toBe(416);
      expect((await user.download(file.id, { Range: 'bytes=0-0' })).status).toBe(206);
    }
    await full();
  });

  it('a user’s own limit is felt at the next request', async () => {
    await someone();
    const limit = (maxConcurrentDownloads: number | null) =>
      own.admin.patch(`/api/v1/users/${account.id}`, { limits: { maxConcurrentDownloads } });
    await full();
    expect((await limit(LIMIT + 1)).status).toBe(200);
    expect((await begin()).status).toBe(200);
    expectProblem(await user.download(file.id), 429, 'too-many-downloads');
    expect((await limit(null)).status).toBe(200);
    running[0]?.cut();
    await sleep(700);
    expectProblem(await user.download(file.id), 429, 'too-many-downloads');
  });

  it('aria2c by many connections takes one', async () => {
    await someone();
    await begin();
    await begin();
    const folder = await mkdtemp(join(tmpdir(), 'slots-'));
    try {
      const header = `--header=Authorization: ${authorization.Authorization ?? ''}`;
      await run('aria2c', ['-q', '-x8', '-s8', '-k1M', '--no-conf', header, '-d', folder, '-o', 'a', url]);
      expect((await readFile(join(folder, 'a'))).equals(bytes)).toBe(true);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('more connections than one download may have: refused by nginx, and the slot is not lost', async () => {
    await someone();
    const first = await begin();
    const more = [];
    for (let place = 1; place < 8; place += 1)
      more.push(await begin({ Range: 'bytes=1-', Cookie: first.cookie }));
    expect(more.map(({ status }) => status)).toEqual(Array<number>(7).fill(206));
    const refused = await user.download(file.id, { Range: 'bytes=1-', Cookie: first.cookie });
    expectProblem(refused, 429, 'too-many-downloads');
    expect(refused.headers['x-download-id']).toBe(first.downloadId);
    for (const one of running.splice(0)) one.cut();
    expect((await recordAtRest(seed, first.downloadId)).open).toBe(0);
  });

  it('the application is killed in the middle of many: no slot is lost for longer than a heartbeat', async () => {
    await someone();
    const asking = Array.from({ length: 40 }, async (_, place) => {
      await sleep(place * 10);
      await user.download(file.id, { Range: 'bytes=0-9' }).catch(() => undefined);
    });
    await sleep(150);
    for (const app of own.stack.apps) signalProcess(app.pid, 'SIGKILL');
    await Promise.all(asking);
    await until(
      () => fetch(`${own.stack.publicUrl}/health/ready`).then(({ status }) => status),
      (status) => status === 200,
      20_000,
    );
    const free = await until(
      async () => {
        for (const one of running.splice(0)) one.cut();
        await sleep(600);
        for (let place = 0; place < LIMIT; place += 1) await begin();
        return running.every(({ status }) => status === 200);
      },
      (all) => all,
      30_000,
    );
    expect(free).toBe(true);
  });

  it('nginx is killed: its transfers end with it, within half a minute', async () => {
    await someone();
    await full();
    const ids = running.map(({ downloadId }) => downloadId);
    own.stack.nginx?.kill('SIGKILL');
    await own.stack.nginx?.exited;
    await own.stack.nginx?.start();
    for (const id of ids) expect((await recordAtRest(seed, id, 30_000)).open).toBe(0);
    running.splice(0);
    await full();
  }, 90_000);

  it('FLUSHALL: everybody begins anew, and what was running is forgotten without harm', async () => {
    await someone();
    const before = await begin();
    await seed.redis.flushall();
    user = await own.anonymous.login(account.email, account.password);
    authorization = { Authorization: `Bearer ${user.token ?? ''}` };
    await full();
    before.cut();
    await sleep(700);
    expect((await recordOf(seed, before.downloadId)).state).toBe('');
    expectProblem(await user.download(file.id), 429, 'too-many-downloads');
  });
});
