import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';
import { RedisBuckets } from '../../src/modules/downloads/bandwidth/redis-buckets.js';
import { UserBandwidth } from '../../src/modules/downloads/bandwidth/user-bandwidth.js';
import type { CurrentLimits } from '../../src/modules/auth/index.js';
import type { DownloadConfig } from '../../src/common/config/config.js';

const CHUNK = 64 * 1024;
const MIB = 2 ** 20;

/** What left, and when (`performance.now()`). */
interface Sent {
  readonly at: number;
  readonly bytes: number;
}

class Transfer {
  readonly sent: Sent[] = [];
  readonly since = performance.now();
  private readonly stop = new AbortController();
  private readonly done: Promise<unknown>;

  /** @param take what its reader does with a piece before it wants another */
  constructor(
    shape: (body: AsyncIterable<Buffer>, signal: AbortSignal) => AsyncIterable<Buffer>,
    take: (bytes: number) => Promise<void> | undefined = () => undefined,
  ) {
    const run = async (): Promise<void> => {
      for await (const { length } of shape(zeros(), this.stop.signal)) {
        this.sent.push({ at: performance.now(), bytes: length });
        await take(length);
        if (this.stop.signal.aborted) return;
      }
    };
    this.done = run().catch((error: unknown) => error);
  }

  async end(): Promise<unknown> {
    this.stop.abort();
    return this.done;
  }

  /** What ended it. */
  ended(): Promise<unknown> {
    return this.done;
  }

  /** Bytes between two moments. */
  between(from: number, to: number): number {
    return bytesIn(this.sent, from, to);
  }
}

function bytesIn(sent: readonly Sent[], from: number, to: number): number {
  return sent.reduce((sum, { at, bytes }) => sum + (at >= from && at < to ? bytes : 0), 0);
}

/** Reads `rate` bytes/s out of a socket buffer of 128 KiB. */
function reader(rate: number): (bytes: number) => Promise<void> {
  let emptyAt = performance.now();
  return async (bytes) => {
    emptyAt = Math.max(emptyAt, performance.now()) + (bytes / rate) * 1_000;
    const roomAt = emptyAt - ((128 * 1_024) / rate) * 1_000;
    await sleep(Math.max(0, roomAt - performance.now()));
  };
}

async function* zeros(): AsyncGenerator<Buffer> {
  const chunk = Buffer.alloc(CHUNK);
  for (;;) {
    yield chunk;
    // As a file would: never in the same turn of the event loop.
    await new Promise((read) => setImmediate(read));
  }
}

/** Over no window more than rate × time + one second's worth; at the instant of each send, exactly. */
function expectBucket(transfers: readonly Transfer[], rate: number): void {
  const all = transfers.flatMap(({ sent }) => sent).toSorted((a, b) => a.at - b.at);
  // The worst window that ends at each send: either it begins there, or it is the worst of the one before, longer.
  let worst = 0;
  let before = 0;
  for (const { at, bytes } of all) {
    worst = Math.max(0, worst - ((at - before) * rate) / 1_000) + bytes;
    before = at;
    expect(worst).toBeLessThanOrEqual(rate);
  }
}

/** Real: Redis. Fake: the body, the reader and what the user's limits are. */
describe('UserBandwidth', () => {
  let dataDir: string;
  let stack: Stack;
  const connections: Redis[] = [];
  /** Two replicas. */
  let replicas: UserBandwidth[];
  let userRate: number | undefined;
  let users = 0;

  const connect = () => {
    const redis = new Redis(stack.redisUrl, {
      ...{ commandTimeout: 500, connectTimeout: 400, enableOfflineQueue: false, maxRetriesPerRequest: 0 },
      retryStrategy: () => 100,
    });
    redis.on('error', () => undefined);
    connections.push(redis);
    return redis;
  };
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'download-service-bandwidth-'));
    stack = await startStack({ dataDir, durable: false, parts: ['redis'] });
    const limits = { of: () => Promise.resolve({ userRate }) } as unknown as CurrentLimits;
    const config = { userRate: 0 } as DownloadConfig;
    replicas = [0, 1].map(() => new UserBandwidth(new RedisBuckets(connect()), limits, config));
    await Promise.all(connections.map((redis) => new Promise((ready) => redis.once('ready', ready))));
  });
  afterAll(async () => {
    for (const redis of connections) redis.disconnect();
    await stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const newUser = (rate: number) => {
    userRate = rate;
    const userId = String((users += 1));
    const user = { subject: `user:${userId}`, user: { tenantId: '1', userId }, rate };
    return (replica: number) => {
      const bandwidth = replicas[replica];
      if (bandwidth === undefined) throw new Error('there are two');
      return bandwidth.shape(user);
    };
  };
  const endAll = (transfers: readonly Transfer[]) => Promise.all(transfers.map((each) => each.end()));

  it.each([1_024, 50_000, MIB, 20 * MIB, 100 * MIB])(
    'a lone transfer at %i bytes/s gets 0.9 of it, and never more than the bucket',
    async (rate) => {
      const shape = newUser(rate);
      const transfer = new Transfer(shape(0));
      await sleep(3_000);
      const now = performance.now();
      await transfer.end();
      expectBucket([transfer], rate);
      // From the second second on, when the burst has gone out.
      const measured = transfer.between(transfer.since + 1_000, now) / ((now - transfer.since) / 1_000 - 1);
      expect(measured / rate).toBeGreaterThan(0.9);
    },
  );

  it.each([
    ['on one replica', [0, 0]],
    ['on two replicas', [0, 1]],
    ['three, on two replicas', [0, 1, 1]],
  ])('share evenly: %s', async (_, places) => {
    const rate = 5 * MIB;
    const shape = newUser(rate);
    const transfers = places.map((place) => new Transfer(shape(place)));
    const since = performance.now();
    await sleep(3_000);
    const now = performance.now();
    await endAll(transfers);
    expectBucket(transfers, rate);
    const each = transfers.map((transfer) => transfer.between(since + 500, now));
    const together = each.reduce((sum, bytes) => sum + bytes, 0);
    expect(together / (rate * ((now - since - 500) / 1_000))).toBeGreaterThan(0.9);
    for (const bytes of each) {
      expect(bytes / (together / places.length)).toBeGreaterThan(0.8);
      expect(bytes / (together / places.length)).toBeLessThan(1.2);
    }
  });

  it('what a slow reader cannot take, the other one gets', async () => {
    const rate = 8 * MIB;
    const shape = newUser(rate);
    // A sixteenth of the rate, an eighth of its share.
    const slow = new Transfer(shape(0), reader(512 * 1_024));
    const fast = new Transfer(shape(1));
    const since = performance.now();
    await sleep(4_000);
    const now = performance.now();
    await endAll([slow, fast]);
    expectBucket([slow, fast], rate);
    const seconds = (now - since - 1_000) / 1_000;
    const ofSlow = slow.between(since + 1_000, now) / seconds;
    expect(ofSlow / (512 * 1_024)).toBeGreaterThan(0.8);
    expect(fast.between(since + 1_000, now) / seconds).toBeGreaterThan(0.9 * (rate - 512 * 1_024));
  });

  it('who joins later has its share within half a second', async () => {
    const rate = 10 * MIB;
    const shape = newUser(rate);
    const first = new Transfer(shape(0));
    await sleep(1_500);
    const second = new Transfer(shape(1));
    await sleep(2_500);
    const now = performance.now();
    await endAll([first, second]);
    expectBucket([first, second], rate);
    const from = second.since + 500;
    const ratio = second.between(from, now) / first.between(from, now);
    expect(ratio).toBeGreaterThan(0.8);
    expect(ratio).toBeLessThan(1.25);
  });

  it.each([
    [MIB, 4 * MIB],
    [4 * MIB, 256 * 1_024],
  ])('a change of the rate from %i to %i reaches running transfers', async (before, after) => {
    const shape = newUser(before);
    const transfers = [new Transfer(shape(0)), new Transfer(shape(1))];
    await sleep(1_500);
    userRate = after;
    await sleep(2_000);
    const from = performance.now();
    await sleep(2_500);
    const to = performance.now();
    await endAll(transfers);
    const measured = transfers.reduce((sum, each) => sum + each.between(from, to), 0) / ((to - from) / 1_000);
    expect(measured / after).toBeGreaterThan(0.9);
    expect(measured / after).toBeLessThan(1.1);
    expectBucket(transfers, Math.max(before, after));
  });

  it('a limit that is taken away lets running transfers go', async () => {
    const shape = newUser(64 * 1_024);
    const transfer = new Transfer(shape(0));
    await sleep(500);
    userRate = undefined;
    await expect.poll(() => transfer.between(0, Infinity), { timeout: 5_000 }).toBeGreaterThan(10 * MIB);
    await transfer.end();
  });

  it('holds one chunk, and nothing else', async () => {
    const shape = newUser(MIB);
    let read = 0;
    let sent = 0;
    let most = 0;
    async function* body(): AsyncGenerator<Buffer> {
      for await (const chunk of zeros()) {
        read += chunk.length;
        yield chunk;
      }
    }
    for await (const { length } of shape(0)(body(), new AbortController().signal)) {
      most = Math.max(most, read - sent);
      sent += length;
      if (sent > 2 * MIB) break;
    }
    expect(most).toBeLessThanOrEqual(CHUNK);
  });

  it('cuts no byte and changes none', async () => {
    const rate = 200_000;
    const shape = newUser(rate);
    const chunks = [1, CHUNK, 7, 0, 30_000].map((length, at) => Buffer.alloc(length, at + 1));
    async function* body(): AsyncGenerator<Buffer> {
      for (const chunk of chunks) yield await Promise.resolve(chunk);
    }
    const pieces: Buffer[] = [];
    for await (const piece of shape(0)(body(), new AbortController().signal)) pieces.push(Buffer.from(piece));
    expect(Buffer.concat(pieces).equals(Buffer.concat(chunks))).toBe(true);
    // A twentieth of a second's worth at a time.
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(rate / 20);
  });

  it('who goes away while it waits for its turn leaves no timer, and its body is closed', async () => {
    const shape = newUser(1_024);
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    let closed = 0;
    async function* body(): AsyncGenerator<Buffer> {
      try {
        yield* zeros();
      } finally {
        closed += 1;
      }
    }
    const before = timers();
    const gone = new AbortController();
    const transfers = Array.from({ length: 20 }, async () => {
      let sent = 0;
      for await (const { length } of shape(0)(body(), gone.signal)) sent += length;
      return sent;
    });
    await sleep(500);
    expect(timers()).toBeGreaterThan(before + 10);
    const since = performance.now();
    gone.abort();
    const ends = await Promise.allSettled(transfers);
    expect(performance.now() - since).toBeLessThan(500);
    expect(
      ends.every((end) => end.status === 'rejected' && (end.reason as Error).name === 'AbortError'),
    ).toBe(true);
    expect(closed).toBe(20);
    expect(timers()).toBeLessThanOrEqual(before + 1);
  });

  it('asks Redis at most twenty times a second for all transfers of a user together', async () => {
    const shape = newUser(30 * MIB);
    const [redis] = connections;
    const calls = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec((await redis?.info('commandstats')) ?? '')?.[1] ?? 0);
    const transfers = [0, 1, 0, 1].map((place) => new Transfer(shape(place)));
    await sleep(1_000);
    const before = await calls();
    const since = performance.now();
    await sleep(2_000);
    const rate = ((await calls()) - before) / ((performance.now() - since) / 1_000);
    await endAll(transfers);
    expect(rate).toBeLessThan(25);
  });

  describe('while Redis is away', () => {
    it('waits, sends no more than its rate, and goes on when Redis is back', async () => {
      const rate = MIB;
      const shape = newUser(rate);
      const transfers = [new Transfer(shape(0)), new Transfer(shape(1))];
      // Until its newest writes are on the disk: what a crash loses is another matter (docs/limits.md).
      await sleep(1_500);
      stack.redis?.kill('SIGKILL');
      const killed = performance.now();
      await stack.redis?.exited;
      await sleep(2_000);
      const back = performance.now();
      const meanwhile = transfers.reduce((sum, each) => sum + each.between(killed + 300, back), 0);
      expect(meanwhile).toBe(0);
      await stack.redis?.start();
      await expect
        .poll(() => transfers.every((each) => each.between(back, Infinity) > rate), { timeout: 10_000 })
        .toBe(true);
      await endAll(transfers);
      expectBucket(transfers, rate);
    });

    it('a frozen one, too', async () => {
      const rate = MIB;
      const shape = newUser(rate);
      const transfer = new Transfer(shape(0));
      await sleep(500);
      stack.redis?.kill('SIGSTOP');
      await sleep(1_500);
      stack.redis?.kill('SIGCONT');
      const back = performance.now();
      await expect
        .poll(() => transfer.between(back, Infinity), { timeout: 10_000 })
        .toBeGreaterThan(2 * rate);
      await transfer.end();
      expectBucket([transfer], rate);
    });

    it('who goes away is not waited for', async () => {
      const shape = newUser(MIB);
      const transfer = new Transfer(shape(0));
      await sleep(300);
      stack.redis?.kill('SIGSTOP');
      await sleep(1_000);
      const since = performance.now();
      expect(await transfer.end()).toMatchObject({ name: 'AbortError' });
      expect(performance.now() - since).toBeLessThan(1_000);
      stack.redis?.kill('SIGCONT');
    });

    it('gives up after half a minute: the transfer is cut', async () => {
      const shape = newUser(MIB);
      const transfer = new Transfer(shape(0));
      await sleep(300);
      await stack.redis?.stop();
      const since = performance.now();
      const end = await transfer.ended();
      expect(end).toBeInstanceOf(Error);
      expect((end as Error).name).not.toBe('AbortError');
      expect(performance.now() - since).toBeGreaterThan(29_000);
      expect(performance.now() - since).toBeLessThan(35_000);
      await stack.redis?.start();
    });
  });
});
