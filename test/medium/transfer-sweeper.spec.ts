import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { bucketTag } from '../../src/common/redis/index.js';
import type { AdmissionRequest } from '../../src/modules/downloads/admission/admission.js';
import type { RedisAdmission } from '../../src/modules/downloads/admission/redis-admission.js';
import { ProcessInstance } from '../../src/modules/downloads/transfers/process-instance.js';
import { RedisTransferReports } from '../../src/modules/downloads/transfers/redis-transfer-reports.js';
import { RedisTransferSweeper } from '../../src/modules/downloads/transfers/redis-transfer-sweeper.js';
import {
  admissionOn,
  clientAt,
  downloadBy,
  endOf,
  LIMITS,
  resumption,
  SIZE,
  someName,
} from '../harness/admissions.js';
import { useOwnRedis } from '../harness/own-redis.js';
import { until } from '../harness/until.js';

const DAY = 86_400_000;

/** Real: Redis and the scripts; Redis' clock is the only one (RULES 2.4), so what it has written is made older. */
describe('what nobody reports (RULES 4.2, 4.3)', () => {
  const own = useOwnRedis();
  let redis: Redis;
  let admission: RedisAdmission;
  interface Replica {
    readonly connection: Redis;
    readonly sweeper: RedisTransferSweeper;
    readonly id: string;
  }
  const replicas: Replica[] = [];

  beforeAll(() => {
    Logger.overrideLogger(false);
    redis = own.connect();
    admission = admissionOn(redis);
  });
  beforeEach(() => redis.flushall());
  afterEach(() => {
    vi.useRealTimers();
    for (const { connection, sweeper } of replicas.splice(0)) {
      sweeper.onApplicationShutdown();
      connection.disconnect();
    }
  });

  /** As the service is connected: nothing waits for a Redis that is away. */
  const replica = (): Replica => {
    const connection = redis.duplicate({ commandTimeout: 500, maxRetriesPerRequest: 0 });
    connection.on('error', () => undefined);
    const ends = admissionOn(connection);
    const instance = new ProcessInstance();
    const reports = new RedisTransferReports(connection, ends);
    const sweeper = new RedisTransferSweeper(connection, ends, reports, instance, LIMITS);
    const made = { connection, sweeper, id: instance.id };
    replicas.push(made);
    return made;
  };
  const sweep = (): Promise<void> => replica().sweeper.sweep();
  const now = async (): Promise<number> => {
    const [seconds, micros] = (await redis.time()) as unknown as [string, string];
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  };
  const someone = (): string => `user:${someName()}`;
  const open = async (request: AdmissionRequest): Promise<string> => {
    const verdict = await admission.admit(request);
    expect(verdict.kind).toBe('admitted');
    return (verdict.kind === 'admitted' ? verdict.downloadId : undefined) ?? '';
  };
  const recordOf = ({ subject }: AdmissionRequest, id: string): Promise<Record<string, string>> =>
    redis.hgetall(`download:${bucketTag(subject)}:${id}`);
  const slots = ({ subject }: AdmissionRequest): Promise<number> =>
    redis.zcard(`slots:${bucketTag(subject)}:${subject}`);
  const transfersOf = ({ subject, transfer }: AdmissionRequest): string =>
    `transfers:${bucketTag(subject)}:${transfer?.instance ?? ''}`;
  /** As if it had begun so many milliseconds ago, its deadline as well. */
  const age = async (request: AdmissionRequest, by: { begun?: number; deadline?: number }): Promise<void> => {
    const key = transfersOf(request);
    const entry = (await redis.hget(key, request.transfer?.id ?? '')) ?? '';
    const [begun, deadline, ...rest] = entry.split(' ');
    const older = [Number(begun) - (by.begun ?? 0), Number(deadline) - (by.deadline ?? 0), ...rest].join(' ');
    await redis.hset(key, request.transfer?.id ?? '', older);
  };
  const heard = async (instance: string, before: number): Promise<void> => {
    await redis.zadd('nginx:instances', (await now()) - before, instance);
  };

  describe('instances', () => {
    it.each([
      {
        heardOf: 16_000,
        begun: 16_000,
        open: 0,
        name: 'heard of more than 15 s ago: its transfers are over',
      },
      { heardOf: 14_000, begun: 16_000, open: 1, name: 'heard of less than 15 s ago' },
      { heardOf: undefined, begun: 16_000, open: 0, name: 'never heard of, for 15 s' },
      { heardOf: undefined, begun: 14_000, open: 1, name: 'not heard of yet' },
      { heardOf: 16_000, begun: 14_000, open: 1, name: 'silent, but a transfer was admitted since' },
    ])('$name', async ({ heardOf, begun, open: expected }) => {
      const request = downloadBy(someone());
      const id = await open(request);
      if (heardOf !== undefined) await heard('nginx-1', heardOf);
      await age(request, { begun });
      await sweep();
      expect(await recordOf(request, id)).toMatchObject({
        open: String(expected),
        state: 'ACTIVE',
        bytes: '0',
        ranges: '',
      });
      expect([await slots(request), await redis.exists(transfersOf(request))]).toEqual([expected, expected]);
      expect(await redis.smembers(`transfers:${bucketTag(request.subject)}:instances`)).toHaveLength(
        expected,
      );
    });

    it('one that tells us nothing is never missed: there its deadline counts alone', async () => {
      const request = downloadBy(someone(), { transfer: { instance: '-' } });
      const id = await open(request);
      await age(request, { begun: 3_600_000 });
      await sweep();
      expect(await recordOf(request, id)).toMatchObject({ open: '1' });
      await age(request, { deadline: 3_600_000 });
      await sweep();
      expect(await recordOf(request, id)).toMatchObject({ open: '0' });
    });

    it('that are gone are forgotten after a day, and no others', async () => {
      await heard('new', 0);
      await heard('yesterday', DAY - 60_000);
      await heard('long ago', DAY + 60_000);
      await sweep();
      expect(await redis.zrange('nginx:instances', 0, -1)).toEqual(['yesterday', 'new']);
    });
  });

  it('a transfer whose time is over has ended, though its nginx lives; others of the same download go on', async () => {
    const begun = downloadBy(someone());
    const id = await open(begun);
    const another = resumption(begun);
    expect(await open(another)).toBe(id);
    await heard('nginx-1', 0);
    await age(begun, { deadline: 3_600_000 });
    await sweep();
    expect(await recordOf(begun, id)).toMatchObject({ open: '1' });
    expect(await slots(begun)).toBe(1);
    // Its line comes after all: it has been told.
    await admission.end([endOf(begun, id)]);
    expect(await recordOf(begun, id)).toMatchObject({ open: '1', bytes: '0' });
    await admission.end([endOf(another, id)]);
    expect(await slots(begun)).toBe(0);
  });

  describe('logical downloads', () => {
    const idle = async (milliseconds: number) => {
      const begun = downloadBy(someone());
      const id = await open(begun);
      await admission.end([endOf(begun, id, 500, false)]);
      await redis.zincrby(`downloads:${bucketTag(begun.subject)}:idle`, -milliseconds, id);
      return { begun, id };
    };

    it('are aborted when nothing of them was open for the idle window', async () => {
      const [over, not] = [await idle(1_801_000), await idle(1_799_000)];
      await sweep();
      expect(await recordOf(over.begun, over.id)).toMatchObject({ state: 'ABORTED', ranges: '0-499' });
      expect(await recordOf(not.begun, not.id)).toMatchObject({ state: 'ACTIVE' });
    });

    it('are complete when they are completed later', async () => {
      const { begun, id } = await idle(1_801_000);
      await sweep();
      const next = resumption(begun, 500);
      expect(await open(next)).toBe(id);
      await admission.end([endOf(next, id)]);
      expect(await recordOf(begun, id)).toMatchObject({ state: 'COMPLETED', ranges: `0-${SIZE - 1}` });
      await sweep();
      expect(await recordOf(begun, id)).toMatchObject({ state: 'COMPLETED' });
    });

    it('are not idle while a transfer is open', async () => {
      const { begun, id } = await idle(1_801_000);
      expect(await open(resumption(begun, 500))).toBe(id);
      await heard('nginx-1', 0);
      await sweep();
      expect(await recordOf(begun, id)).toMatchObject({ state: 'ACTIVE', open: '1' });
    });

    it('that were forgotten are not made up again', async () => {
      const { begun, id } = await idle(1_801_000);
      await redis.del(`download:${bucketTag(begun.subject)}:${id}`);
      await sweep();
      expect(await recordOf(begun, id)).toEqual({});
      expect(await redis.zcard(`downloads:${bucketTag(begun.subject)}:idle`)).toBe(0);
    });
  });

  it('two sweepers at once end each transfer once', async () => {
    const requests = await Promise.all(
      Array.from({ length: 200 }, async (_, place) => {
        const request = downloadBy(someone(), { transfer: { instance: `nginx-${place % 3}` } });
        const id = await open(request);
        const second = {
          ...resumption(request),
          transfer: { ...resumption(request).transfer, id: someName() },
        };
        expect(await open(second as AdmissionRequest)).toBe(id);
        await age(request, { begun: 20_000 });
        return { request, id };
      }),
    );
    await Promise.all([sweep(), sweep(), sweep()]);
    for (const { request, id } of requests) {
      expect(await recordOf(request, id)).toMatchObject({ open: '1' });
      expect(await slots(request)).toBe(1);
    }
  });

  it('10,000 open transfers of one bucket: no call takes Redis for longer than some 50 ms', async () => {
    const subject = someone();
    const size = 10_000;
    for (let round = 0; round < size / 500; round += 1) {
      await Promise.all(
        Array.from({ length: 500 }, () => open(downloadBy(subject, { client: clientAt(someName()) }))),
      );
    }
    const key = `transfers:${bucketTag(subject)}:nginx-1`;
    await redis.config('SET', 'slowlog-log-slower-than', '1000');
    /** Milliseconds of the longest call of a sweep; of three, since others may have had the processor. */
    const longest = async (): Promise<number> => {
      const each: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        await redis.call('SLOWLOG', 'RESET');
        await sweep();
        const entries = (await redis.call('SLOWLOG', 'GET', '-1')) as [number, number, number, string[]][];
        const scripts = entries.filter(([, , , [name = '']]) => /^eval/i.test(name));
        each.push(Math.max(...scripts.map(([, , micros]) => micros / 1_000)));
      }
      return Math.min(...each);
    };
    await heard('nginx-1', 0);
    expect(await longest()).toBeLessThan(50);
    expect(await redis.hlen(key)).toBe(size);

    // All of them are lost at once.
    for (const [transfer, entry] of Object.entries(await redis.hgetall(key))) {
      const [begun, ...rest] = entry.split(' ');
      await redis.hset(key, transfer, [Number(begun) - 20_000, ...rest].join(' '));
    }
    await heard('nginx-1', 20_000);
    expect(await longest()).toBeLessThan(50);
    expect(await redis.hlen(key)).toBe(size - 1_500);
    for (let round = 0; round < 17; round += 1) await sweep();
    expect([await redis.hlen(key), await slots(downloadBy(subject))]).toEqual([0, 0]);
  });

  describe('in turn', () => {
    /** The timers of the sweepers alone: what the driver waits for goes on. */
    const tick = async (count: number): Promise<void> => {
      for (let round = 0; round < count; round += 1) {
        await redis.del('transfers:sweep');
        vi.advanceTimersByTime(5_000);
        const beat = await now();
        await until(
          () => Promise.all(replicas.map(({ id }) => redis.zscore('nginx:instances', id))),
          (scores) => scores.every((score) => Number(score) >= beat - 50),
          2_000,
        );
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    const lost = async (): Promise<{ readonly request: AdmissionRequest; readonly id: string }> => {
      const request = downloadBy(someone(), { transfer: { instance: 'gone' } });
      const id = await open(request);
      await age(request, { begun: 60_000 });
      return { request, id };
    };
    const start = (): void => {
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
      for (let one = 0; one < 2; one += 1) replica().sweeper.onModuleInit();
    };

    it('each replica says that it lives, and one of them sweeps', async () => {
      start();
      await tick(1);
      for (const { id } of replicas) expect(await redis.zscore('nginx:instances', id)).not.toBeNull();
      await tick(3);
      const { request, id } = await lost();
      await redis.set('transfers:sweep', 'another', 'PX', 60_000);
      vi.advanceTimersByTime(5_000);
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await recordOf(request, id)).toMatchObject({ open: '1' });
      await tick(1);
      expect(await recordOf(request, id)).toMatchObject({ open: '0' });
    });

    it('when Redis was away, first those are waited for who could not say that they live', async () => {
      start();
      await tick(4);
      const { request, id } = await lost();
      await own.stack.redis?.stop();
      vi.advanceTimersByTime(5_000);
      await new Promise((resolve) => setTimeout(resolve, 100));
      await own.stack.redis?.start();
      for (const { connection } of replicas) {
        await until(
          () => connection.ping().catch(() => ''),
          (answer) => answer === 'PONG',
        );
      }
      await tick(2);
      expect(await recordOf(request, id)).toMatchObject({ open: '1' });
      await tick(3);
      expect(await recordOf(request, id)).toMatchObject({ open: '0' });
    });
  });
});
