import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findNginxJs } from '../../scripts/bootstrap/programs.mjs';
import { spawnChild } from '../../scripts/process/child-processes.mjs';
import { BLOB_BYTES, Recorder, TransfersLab } from '../harness/transfers-lab.js';

async function until(holds: () => boolean | Promise<boolean>, seconds = 10): Promise<void> {
  const deadline = performance.now() + seconds * 1_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s`);
    await sleep(10);
  }
}

/** RULES 4.3: what nginx reports, on real nginx and Redis. */
describe('transfers that nginx reports', () => {
  let lab: TransfersLab;
  let recorder: Recorder;
  beforeAll(async () => {
    lab = await TransfersLab.open();
  });
  beforeEach(() => {
    recorder = new Recorder();
  });
  afterEach(async () => {
    await lab.stopLoads();
    await lab.stopFollowers();
  });
  afterAll(() => lab.close());

  const seen = (ids: readonly string[]): number => {
    const known = new Set(recorder.lines.map(({ requestId }) => requestId));
    return ids.filter((id) => known.has(id)).length;
  };
  /** Each once, none missing. */
  const expectEachOnce = async (ids: readonly string[]): Promise<void> => {
    expect(new Set(ids).size).toBe(ids.length);
    await until(() => seen(ids) === ids.length).catch(() => undefined);
    await sleep(200);
    expect(seen(ids)).toBe(ids.length);
    const mine = new Set(ids);
    expect(recorder.lines.filter(({ requestId }) => mine.has(requestId))).toHaveLength(ids.length);
  };
  const rotate = async (number: number): Promise<void> => {
    await rename(lab.accessLog, `${lab.accessLog}.${number}`);
    // As logrotate: nginx goes on writing to the old file until it has heard of it.
    await sleep(100);
    lab.stack.nginx?.kill('SIGUSR1');
  };
  const following = async (): Promise<void> => {
    lab.follow(recorder);
    await until(() => recorder.beats.length > 0);
  };

  it('are known within half a second of their end', async () => {
    await following();
    const late: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const id = await lab.download({ Range: 'bytes=100-199', 'X-Wanted-Id': `one-${round}` });
      const ended = performance.now();
      await until(() => seen([id]) === 1);
      const line = recorder.lines.find(({ requestId }) => requestId === id);
      late.push((line?.at ?? Infinity) - ended);
      expect(line).toMatchObject({
        downloadId: `one-${round}`,
        path: '/download/1',
        status: 206,
        bytes: 100,
        contentRange: `bytes 100-199/${BLOB_BYTES}`,
        completed: true,
        upstreamStatus: 200,
        askedStore: false,
      });
      expect(Math.abs((line?.time.getTime() ?? 0) - Date.now())).toBeLessThan(2_000);
    }
    expect(Math.max(...late)).toBeLessThan(500);
  });

  it('one that the client broke off', async () => {
    await following();
    const stop = new AbortController();
    const answer = await fetch(`${lab.stack.publicUrl}/download/1`, {
      headers: { 'X-Wanted-Id': 'broken', 'X-Wanted-Rate': '100000' },
      signal: stop.signal,
    });
    stop.abort();
    await until(() => seen([answer.headers.get('x-request-id') ?? '']) === 1);
    expect(recorder.lines).toMatchObject([{ downloadId: 'broken', status: 200, completed: false }]);
    expect(recorder.lines[0]?.bytes).toBeLessThan(BLOB_BYTES);
  });

  it('whatever way their path is written, and nothing but them', async () => {
    await following();
    const hidden = await lab.download({ 'X-Wanted-Id': 'hidden' }, '/%64ownload/1?token=secret');
    const head = await fetch(`${lab.stack.publicUrl}/download/1`, { method: 'HEAD' });
    await until(() => seen([hidden, head.headers.get('x-request-id') ?? '']) === 2);
    await sleep(2_500);
    expect(recorder.lines.map(({ path }) => path)).toEqual(['/%64ownload/1', '/download/1']);
    expect(recorder.beats.length).toBeGreaterThan(1);
  });

  it('by an nginx whose id the client cannot say', async () => {
    await following();
    lab.instances.length = 0;
    await lab.download({ 'X-Nginx-Instance': 'mine' });
    const [instance] = lab.instances;
    expect(instance).toMatch(/^[0-9a-f]{32}$/);
    await until(() => recorder.lines.length > 0);
    expect(recorder.lines[0]?.instance).toBe(instance);
    expect(recorder.beats[0]?.instance).toBe(instance);
  });

  it('logrotate by rename and USR1 under load: every line once', async () => {
    await following();
    const load = lab.startLoad();
    for (let number = 1; number <= 5; number += 1) {
      await sleep(200);
      await rotate(number);
    }
    await sleep(300);
    const ids = await load.stop();
    expect(ids.length).toBeGreaterThan(200);
    await expectEachOnce(ids);
  });

  it('copytruncate between requests: every line once', async () => {
    await following();
    const all: string[] = [];
    for (let number = 11; number <= 14; number += 1) {
      const load = lab.startLoad();
      await sleep(100);
      all.push(...(await load.stop()));
      // nginx writes its line a moment after the client has read the answer's last byte.
      await sleep(20);
      await copyFile(lab.accessLog, `${lab.accessLog}.${number}`);
      await truncate(lab.accessLog);
    }
    await expectEachOnce(all);
  });

  it('rotated by rename, and more than once, while nobody was there: every line once', async () => {
    await following();
    const load = lab.startLoad();
    await sleep(100);
    await lab.stopFollowers();
    for (let number = 21; number <= 23; number += 1) {
      await sleep(100);
      await rotate(number);
      await sleep(50);
    }
    const ids = await load.stop();
    lab.follow(recorder);
    await expectEachOnce(ids);
  });

  it('while Redis is away they wait', async () => {
    await following();
    const load = lab.startLoad();
    await sleep(100);
    await lab.stack.redis?.stop();
    await sleep(1_000);
    const ids = await load.stop();
    await lab.stack.redis?.start();
    await until(() => seen(ids) === ids.length);
  });

  it('while those that want to know refuse, they wait, in their order', async () => {
    await following();
    const refusing = recorder.ended.bind(recorder);
    recorder.ended = () => Promise.reject(new Error('not now'));
    const ids: string[] = [];
    for (let round = 0; round < 5; round += 1) ids.push(await lab.download({ Range: 'bytes=0-0' }));
    await sleep(500);
    expect(recorder.lines).toHaveLength(0);
    recorder.ended = refusing;
    await until(() => seen(ids) === ids.length);
    expect(recorder.lines.map(({ requestId }) => requestId)).toEqual(ids);
  });

  it('lines that are none are skipped', async () => {
    await following();
    const garbage = Buffer.concat([
      randomBytes(10_000),
      Buffer.from('\n{"time":\n{}\nnull\n[]\n'),
      Buffer.alloc(1024 * 1024, 'x'),
      Buffer.from('\n'),
    ]);
    await writeFile(lab.accessLog, garbage, { flag: 'a' });
    await expectEachOnce([await lab.download()]);
  });

  it('every request has a line that is JSON, also those that nginx could not read', async () => {
    const speak = (text: string) =>
      new Promise<void>((resolve) => {
        const socket = connect(Number(new URL(lab.stack.publicUrl).port), '127.0.0.1');
        socket.on('close', () => {
          resolve();
        });
        socket.on('error', () => undefined);
        socket.resume();
        socket.end(text);
      });
    await speak('GET /download/1\r\n');
    await speak('nonsense\r\n\r\n');
    await speak('GET /download/1 HTTP/1.1\r\n');
    await speak('GET /"\\\x01\xff HTTP/1.1\r\nHost: x\r\n\r\n');
    await speak('GET /download/1 HTTP/1.1\r\nHost: x\r\nRange: "\\\x7f\r\n\r\n');
    await sleep(100);
    const text = await readFile(lab.accessLog, 'latin1');
    const lines = text.trim().split('\n').slice(-5);
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({ status: expect.any(Number) as number });
    }
  });

  describe('its life', () => {
    const instanceOf = (at: number): string => recorder.beats.at(at)?.instance ?? '';
    const beatsOf = (instance: string): number =>
      recorder.beats.filter((beat) => beat.instance === instance).length;

    it('is said by heartbeats, every two seconds where nothing else happens, and once a second under load', async () => {
      await following();
      recorder.beats.length = 0;
      await sleep(6_500);
      expect(recorder.beats.length).toBeGreaterThanOrEqual(3);
      expect(recorder.beats.length).toBeLessThanOrEqual(4);
      const load = lab.startLoad();
      recorder.beats.length = 0;
      await sleep(3_000);
      await load.stop();
      expect(recorder.beats.length).toBeGreaterThanOrEqual(2);
      expect(recorder.beats.length).toBeLessThanOrEqual(4);
    });

    it('goes on over USR1 and a reload', async () => {
      await following();
      const before = instanceOf(0);
      for (const signal of ['SIGUSR1', 'SIGHUP'] as const) {
        lab.stack.nginx?.kill(signal);
        await sleep(300);
        recorder.beats.length = 0;
        await until(() => recorder.beats.length > 1);
        expect(new Set(recorder.beats.map(({ instance }) => instance))).toEqual(new Set([before]));
      }
    });

    it('ends with kill -9; after a start it is another', async () => {
      await following();
      const before = instanceOf(0);
      lab.stack.nginx?.kill('SIGKILL');
      await lab.stack.nginx?.exited;
      await sleep(500);
      const count = beatsOf(before);
      await sleep(3_000);
      expect(beatsOf(before)).toBe(count);
      await lab.stack.nginx?.start();
      await until(() => instanceOf(-1) !== before);
      await sleep(3_000);
      expect(beatsOf(before)).toBe(count);
      expect(beatsOf(instanceOf(-1))).toBeGreaterThan(1);
      lab.instances.length = 0;
      await lab.download();
      expect(lab.instances).toEqual([instanceOf(-1)]);
    });

    it('is not said while it is frozen', async () => {
      await following();
      lab.stack.nginx?.kill('SIGSTOP');
      try {
        await sleep(500);
        recorder.beats.length = 0;
        await sleep(3_000);
        expect(recorder.beats).toHaveLength(0);
      } finally {
        lab.stack.nginx?.kill('SIGCONT');
      }
      await until(() => recorder.beats.length > 0);
    });
  });

  describe('several replicas beside it', () => {
    const started: ReturnType<typeof spawnChild>[] = [];
    let redis: Redis;
    let file: string;
    let folder: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'followers-'));
      file = join(folder, 'ids');
      await writeFile(file, '');
      redis = new Redis(lab.stack.redisUrl);
    });
    afterEach(async () => {
      for (const child of started.splice(0)) child.kill('SIGKILL');
      redis.disconnect();
      await rm(folder, { recursive: true });
    });

    /** Another process, which can be killed. */
    const startOther = (): ReturnType<typeof spawnChild> => {
      const script = join(import.meta.dirname, '../harness/follow-transfers.mjs');
      const args = [script, lab.stack.redisUrl, lab.accessLog, lab.statusUrl, file];
      const child = spawnChild(process.execPath, args, { stdio: 'inherit' });
      started.push(child);
      return child;
    };
    const holder = async (): Promise<string | null> => {
      const [key = ''] = await redis.keys('transfers:follower:*');
      return redis.get(key);
    };
    const others = async (): Promise<string[]> => (await readFile(file, 'utf8')).split('\n').filter(Boolean);
    const killed = async (child: ReturnType<typeof spawnChild>): Promise<void> => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    };

    it('one of them reads; the other goes on within 3 s of its kill -9, and no line is lost', async () => {
      const other = startOther();
      await until(async () => (await holder()) !== null);
      const first = await holder();
      lab.follow(recorder);
      const load = lab.startLoad(4);
      await sleep(1_500);
      expect(recorder.lines).toHaveLength(0);
      expect((await others()).length).toBeGreaterThan(10);
      await killed(other);
      const at = performance.now();
      await until(() => recorder.lines.length > 0);
      expect(performance.now() - at).toBeLessThan(3_000);
      expect(await holder()).not.toBe(first);
      const ids = await load.stop();
      await until(async () => seen(ids) + (await others()).length >= ids.length);
      await sleep(300);
      const all = new Set([...(await others()), ...recorder.lines.map(({ requestId }) => requestId)]);
      expect(ids.filter((id) => !all.has(id))).toEqual([]);
    });

    it('one that ends gives the lease up at once', async () => {
      await following();
      const second = new Recorder();
      lab.follow(second);
      const load = lab.startLoad(2);
      await sleep(500);
      expect(second.lines).toHaveLength(0);
      const [first] = lab.followers;
      const at = performance.now();
      await first?.follower.beforeApplicationShutdown();
      await until(() => second.lines.length > 0);
      expect(performance.now() - at).toBeLessThan(1_000);
      const ids = await load.stop();
      recorder.lines.push(...second.lines.splice(0));
      await until(() => {
        recorder.lines.push(...second.lines.splice(0));
        return seen(ids) === ids.length;
      });
      expect(new Set(recorder.lines.map(({ requestId }) => requestId)).size).toBe(recorder.lines.length);
    });

    it('killed again and again under load: no line is lost', async () => {
      const load = lab.startLoad(4);
      for (let round = 0; round < 4; round += 1) {
        const child = startOther();
        // How long a process takes to begin is the machine's affair.
        await until(async () => (await holder()) !== null);
        await sleep(Math.random() * 600);
        await killed(child);
        // The lease of one that is dead keeps the next one waiting.
        const [key] = await redis.keys('transfers:follower:*');
        if (key !== undefined) await redis.del(key);
      }
      const ids = await load.stop();
      startOther();
      await until(async () => {
        const known = new Set(await others());
        return ids.every((id) => known.has(id));
      });
    });

    it('one that was frozen does not set its successor back', async () => {
      const other = startOther();
      await until(async () => (await holder()) !== null);
      await lab.download();
      await until(async () => (await others()).length > 0);
      other.kill('SIGSTOP');
      lab.follow(recorder);
      await until(() => recorder.beats.length > 0);
      const ids = await Promise.all(Array.from({ length: 20 }, () => lab.download({ Range: 'bytes=0-9' })));
      await until(() => seen(ids) === 20);
      const held = await holder();
      other.kill('SIGCONT');
      await sleep(1_500);
      expect(await holder()).toBe(held);
      // Whoever comes next begins behind them.
      await lab.stopFollowers();
      await killed(other);
      recorder.lines.length = 0;
      const last = await lab.download();
      lab.follow(recorder);
      await until(() => seen([last]) === 1);
      expect(recorder.lines).toHaveLength(1);
    });

    it.each(['nonsense', '{"time":1}', '{"time":1,"files":[{"first":"x","offset":-1}]}', '[]'])(
      'a position that is none (%s) is no position',
      async (text) => {
        await following();
        await lab.stopFollowers();
        const [key = ''] = await redis.keys('transfers:position:*');
        expect(await redis.ttl(key)).toBeGreaterThan(0);
        await redis.set(key, text);
        const id = await lab.download();
        lab.follow(recorder);
        await until(() => seen([id]) === 1);
      },
    );
  });
});

/** A file system of 64 KiB. Mounting one takes root, and a kernel that lets it. */
function tinyDisk(): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'download-service-log-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path], { stdio: 'ignore' });
    return path;
  } catch {
    rmSync(path, { recursive: true });
    return undefined;
  }
}

const disk = tinyDisk();

describe.skipIf(disk === undefined)('a log whose disk is full (needs root, to mount a small one)', () => {
  let lab: TransfersLab;
  beforeAll(async () => {
    lab = await TransfersLab.open();
    await rm(lab.accessLog);
    await symlink(join(disk ?? '', 'access.log'), lab.accessLog);
    lab.stack.nginx?.kill('SIGUSR1');
  });
  // Hooks that end run last to first: the stack goes before its disk.
  afterAll(async () => {
    await lab.close();
    execFileSync('umount', [disk ?? '']);
    rmSync(disk ?? '', { recursive: true });
  });

  it('downloads go on; when there is room again, lines are read again', async () => {
    const recorder = new Recorder();
    lab.follow(recorder);
    const load = lab.startLoad(4);
    await until(() => recorder.lines.length > 0);
    await sleep(2_000);
    const ids = await load.stop();
    expect(recorder.lines.length).toBeLessThan(ids.length);
    expect((await fetch(`${lab.stack.publicUrl}/download/1`)).status).toBe(200);
    await truncate(lab.accessLog);
    // nginx tries again a second after a full disk.
    await sleep(1_500);
    const last = await lab.download();
    await until(() => recorder.lines.some(({ requestId }) => requestId === last));
  });
});

/** RULES 4.4. */
describe('connections of one download', () => {
  const store = createServer((_, response) => {
    // Not at once: it is the connections that count.
    response.writeHead(200, { 'Content-Length': BLOB_BYTES, 'X-Download-Id': 'theirs' });
    response.end(Buffer.alloc(BLOB_BYTES));
  });
  let lab: TransfersLab;
  let recorder: Recorder;
  beforeAll(async () => {
    store.listen(0, '127.0.0.1');
    await once(store, 'listening');
    const { port } = store.address() as AddressInfo;
    const s3 = { S3_ENDPOINT: `http://127.0.0.1:${port}`, S3_DELIVERY: 'accel-s3' };
    lab = await TransfersLab.open(findNginxJs() === undefined ? {} : s3);
    recorder = new Recorder();
    lab.follow(recorder);
  });
  afterAll(async () => {
    await lab.close();
    store.close();
    store.closeAllConnections();
  });

  const STORE = {
    'X-Accel-Redirect': `/_store/s3/bucket/1/ab/${'c'.repeat(30)}?X-Amz-Signature=x`,
    'X-Store-Length': String(BLOB_BYTES),
  };

  it.each(['accel', 'accel-s3'])('%s: 16, and the 17th is 429 too-many-downloads', async (mode) => {
    if (mode === 'accel-s3') {
      if (findNginxJs() === undefined) return;
      lab.answer = STORE;
    }
    const open = new AbortController();
    const ask = (id: string) =>
      fetch(`${lab.stack.publicUrl}/download/1?token=secret`, {
        headers: { 'X-Wanted-Id': id, 'X-Wanted-Rate': '50000' },
        signal: open.signal,
      });
    const answers = await Promise.all(Array.from({ length: 16 }, () => ask(`${mode}-one`)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 16 }, () => 200));
    const refused = await ask(`${mode}-one`);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(refused.headers.get('x-download-id')).toBe(`${mode}-one`);
    expect(refused.headers.get('cache-control')).toBe('no-store');
    const problem = (await refused.json()) as { requestId: string };
    expect(problem).toMatchObject({
      status: 429,
      code: 'too-many-downloads',
      title: 'Too many downloads at once',
      instance: '/download/1',
    });
    // Another download has connections of its own.
    const other = await ask(`${mode}-other`);
    expect(other.status).toBe(200);
    expect(other.headers.get('x-download-id')).toBe(`${mode}-other`);
    await until(() => recorder.lines.some(({ requestId }) => requestId === problem.requestId));
    expect(recorder.lines.filter(({ status }) => status === 429)).toMatchObject([
      { downloadId: `${mode}-one`, status: 429, requestId: problem.requestId },
    ]);
    recorder.lines.length = 0;
    open.abort();
    // Each of the transfers, by the log; then there is room again.
    await until(() => recorder.lines.length === 17);
    expect(recorder.lines.filter(({ downloadId }) => downloadId === `${mode}-one`)).toHaveLength(16);
    recorder.lines.length = 0;
    const again = await fetch(`${lab.stack.publicUrl}/download/1`, {
      headers: { 'X-Wanted-Id': `${mode}-one` },
    });
    expect(again.status).toBe(200);
    expect((await again.arrayBuffer()).byteLength).toBe(BLOB_BYTES);
    await until(() => recorder.lines.length > 0);
    recorder.lines.length = 0;
  });
});
