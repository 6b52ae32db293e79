import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';
import { type LuaScript, loadLuaScript } from '../../src/common/redis/index.js';

const SCRIPT = new URL('../../src/modules/downloads/bandwidth/take-bandwidth-1.lua', import.meta.url);
/** µs */
const BURST = 750_000;

/** When bytes may be sent, by the clock of Redis, µs. */
interface Turn {
  readonly at: bigint;
  readonly bytes: bigint;
}

/** Real: Redis and the script. Time passes by moving the bucket into the past. */
describe('take-bandwidth-1.lua', () => {
  let dataDir: string;
  let stack: Stack;
  let redis: Redis;
  let script: LuaScript;
  let buckets = 0;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'download-service-bucket-'));
    stack = await startStack({ dataDir, durable: false, parts: ['redis'] });
    redis = new Redis(stack.redisUrl);
    script = loadLuaScript(redis, SCRIPT);
  });
  afterAll(async () => {
    redis.disconnect();
    await stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const newKey = () => `bandwidth:{b00}:user:${(buckets += 1)}`;
  const take = async (key: string, bytes: number, rate: number) =>
    Number(await script([key], [bytes, rate, BURST]));
  const read = async (key: string) => {
    const { empty, part, at } = await redis.hgetall(key);
    return { empty: BigInt(empty ?? 0), part: BigInt(part ?? 0), at: BigInt(at ?? 0) };
  };
  /** As if `micros` had passed since. */
  const pass = async (key: string, micros: number) => {
    if ((await redis.exists(key)) === 0) return;
    await redis.hincrby(key, 'empty', -micros);
    await redis.hincrby(key, 'at', -micros);
  };

  it('over any window no more than rate × time + burst may be sent, exactly, at any rate', async () => {
    const rates = fc.oneof(
      fc.integer({ min: 1_024, max: 100_000 }),
      fc.integer({ min: 1_024, max: 2 ** 40 }),
    );
    const takes = fc.array(
      fc.record({
        share: fc.double({ min: 0, max: 1, noNaN: true }),
        pause: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2_000_000 })),
      }),
      { minLength: 2, maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(rates, takes, async (rate, all) => {
        const key = newKey();
        const most = Math.min(2 ** 32, Math.floor((rate * BURST) / 1_000_000));
        let passed = 0;
        const turns: Turn[] = [];
        for (const { share, pause } of all) {
          const bytes = 1 + Math.floor(share * (most - 1));
          await pass(key, pause);
          passed += pause;
          const wait = await take(key, bytes, rate);
          const { at } = await read(key);
          turns.push({ at: at + BigInt(passed + wait), bytes: BigInt(bytes) });
        }
        turns.forEach((first, from) => {
          let sum = 0n;
          for (const { at, bytes } of turns.slice(from)) {
            sum += bytes;
            expect(at >= first.at, 'turns come in order').toBe(true);
            expect(sum * 1_000_000n <= BigInt(rate) * (at - first.at + BigInt(BURST))).toBe(true);
          }
        });
      }),
      { numRuns: 60 },
    );
  });

  it('loses and gains nothing by rounding, over ten thousand takes', async () => {
    const rate = 1_048_583;
    const key = newKey();
    // Not full any more: what comes in late to a full bucket is lost, as it should be.
    await take(key, 10 * rate, rate);
    const before = await read(key);
    let bytes = 0n;
    for (let round = 0; round < 100; round += 1) {
      const sizes = Array.from({ length: 100 }, (_, at) => 1 + ((round * 7_919 + at * 104_729) % 300_000));
      await Promise.all(sizes.map((size) => take(key, size, rate)));
      bytes += sizes.reduce((sum, size) => sum + BigInt(size), 0n);
    }
    const after = await read(key);
    const gone = (after.empty - before.empty) * BigInt(rate) + after.part - before.part;
    expect(gone).toBe(bytes * 1_000_000n);
  });

  it('a full bucket grants its burst at once, and the next byte only when it has come in', async () => {
    const key = newKey();
    expect(await take(key, 750_000, 1_000_000)).toBe(0);
    const wait = await take(key, 100_000, 1_000_000);
    expect(wait).toBeGreaterThan(90_000);
    expect(wait).toBeLessThanOrEqual(100_000);
  });

  it('what is less than a microsecond is waited for', async () => {
    const key = newKey();
    const rate = 1_000_003;
    await take(key, 10 * rate, rate);
    const before = await read(key);
    const wait = await take(key, 3, rate);
    const { empty, at, part } = await read(key);
    // 2.99… µs: two whole ones and the rest.
    expect(empty - before.empty).toBe(2n);
    expect(part).toBe(3_000_000n - 2n * BigInt(rate));
    expect(BigInt(wait)).toBe(empty + 1n - at);
  });

  it('vanishes when it is full, and not before', async () => {
    const key = newKey();
    await take(key, 500_000, 1_000_000);
    const half = await redis.pttl(key);
    expect(half).toBeGreaterThan(400);
    expect(half).toBeLessThanOrEqual(752);
    await take(key, 5_000_000, 1_000_000);
    const long = await redis.pttl(key);
    // 4.75 s until it is empty, then the time in which it fills.
    expect(long).toBeGreaterThan(5_000);
    expect(long).toBeLessThanOrEqual(5_502);
  });

  it('a slower rate leaves the turns that were given; what comes after them is slow', async () => {
    const key = newKey();
    await take(key, 75_000_000, 100_000_000);
    const given = await take(key, 4_000_000, 100_000_000);
    expect(given).toBeLessThanOrEqual(40_000);
    const wait = await take(key, 1_000, 1_024);
    // Not the 4,000 s that the bytes before would take at this rate.
    expect(wait).toBeGreaterThan(900_000);
    expect(wait).toBeLessThanOrEqual(40_000 + 976_563);
  });

  it('a faster rate holds from the next take on', async () => {
    const key = newKey();
    await take(key, 2_000, 1_024);
    const { empty, at } = await read(key);
    const wait = await take(key, 1_000_000, 100_000_000);
    expect(wait).toBeLessThanOrEqual(Number(empty - at) + 10_001);
    expect(wait).toBeGreaterThan(1_000_000);
  });

  it('a clock that was set back costs nobody more than the bytes before it', async () => {
    const key = newKey();
    await take(key, 850_000, 1_000_000);
    // The clock of another server, an hour behind.
    await pass(key, -3_600_000_000);
    const wait = await take(key, 50_000, 1_000_000);
    expect(wait).toBeGreaterThan(50_000);
    expect(wait).toBeLessThanOrEqual(150_000);
  });

  it('a clock that was set forward finds it full, not overfull', async () => {
    const key = newKey();
    await take(key, 850_000, 1_000_000);
    await pass(key, 3_600_000_000);
    expect(await take(key, 750_000, 1_000_000)).toBe(0);
    expect(await take(key, 100_000, 1_000_000)).toBeGreaterThan(50_000);
  });
});
