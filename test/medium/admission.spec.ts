import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { bucketTag } from '../../src/common/redis/index.js';
import type { AdmissionRequest, Verdict } from '../../src/modules/downloads/admission/admission.js';
import type { RedisAdmission } from '../../src/modules/downloads/admission/redis-admission.js';
import {
  admissionOn,
  clientAt,
  downloadBy,
  endOf,
  fileIdOf,
  resumption,
  SIZE,
  someName,
} from '../harness/admissions.js';
import { useOwnRedis } from '../harness/own-redis.js';

/** Real: Redis and the scripts, by two connections as two replicas have them. */
describe('admission', () => {
  const own = useOwnRedis();
  let redis: Redis;
  let replicas: readonly [RedisAdmission, RedisAdmission];

  beforeAll(() => {
    redis = own.connect();
    replicas = [admissionOn(own.connect()), admissionOn(own.connect())];
  });

  const someone = (): string => `user:${someName()}`;
  const admit = (request: AdmissionRequest, replica = 0): Promise<Verdict> =>
    (replicas[replica % 2] ?? replicas[0]).admit(request);
  const idOf = (verdict: Verdict): string => {
    expect(verdict.kind).toBe('admitted');
    return (verdict.kind === 'admitted' ? verdict.downloadId : undefined) ?? '';
  };
  const open = async (request: AdmissionRequest): Promise<string> => idOf(await admit(request));
  const end = (request: AdmissionRequest, id: string | undefined, bytes?: number, completed?: boolean) =>
    replicas[1].end([endOf(request, id, bytes, completed)]);
  const record = (subject: string, id: string) => redis.hgetall(`download:${bucketTag(subject)}:${id}`);
  const hits = async (subject: string) =>
    Number(await redis.hget(`stats:${bucketTag(subject)}:pending`, fileIdOf(subject)));
  /** Everything that is kept, but for what only says when. */
  const everything = async (): Promise<string[]> => {
    const keys = (await redis.keys('*')).toSorted();
    return Promise.all(
      keys.map(
        async (key) => `${key} ${((await redis.dumpBuffer(key)) as Buffer | null)?.toString('hex') ?? ''}`,
      ),
    );
  };

  describe('versions', () => {
    const subject = someone();
    const versioned = (version: string) =>
      downloadBy(subject, { versions: new Map([['user:7', version] as const]) });

    it('commits when they match', async () => {
      await redis.set('version:{user:7}', 'one');
      expect(await admit(versioned('one'))).toMatchObject({ kind: 'admitted', isNew: true });
    });

    it.each(['another', 'changing:x', undefined])('is %s: stale, and nothing is changed', async (now) => {
      if (now === undefined) await redis.del('version:{user:7}');
      else await redis.set('version:{user:7}', now);
      const before = await everything();
      expect(await admit(versioned('one'))).toEqual({ kind: 'stale' });
      expect(await everything()).toEqual(before);
    });
  });

  describe('what refuses changes nothing', () => {
    it.each([
      ['rate', { rate: { of: 'x', limit: 1 } }],
      ['slots', { maxConcurrent: 1 }],
    ])('%s', async (kind, change) => {
      const subject = someone();
      const of = (): AdmissionRequest =>
        downloadBy(subject, {
          ...change,
          ...('rate' in change && { rate: { of: subject, limit: 1 } }),
        });
      await open(of());
      const before = await everything();
      expect(await admit(of())).toMatchObject({ kind });
      expect(await everything()).toEqual(before);
    });

    it('the rate says when it is over', async () => {
      const subject = someone();
      const one = downloadBy(subject, { rate: { of: subject, limit: 1 } });
      await open(one);
      const verdict = await admit(downloadBy(subject, { rate: { of: subject, limit: 1 } }));
      expect(verdict).toMatchObject({ kind: 'rate' });
      const left = verdict.kind === 'rate' ? verdict.left : 0;
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(60_000);
    });

    it('a rate that has lost its time to live locks nobody out', async () => {
      const subject = someone();
      const key = `throttle:${bucketTag(subject)}:downloads:${subject}`;
      await redis.set(key, 5);
      expect(await admit(downloadBy(subject, { rate: { of: subject, limit: 1 } }))).toMatchObject({
        kind: 'admitted',
      });
      expect(await redis.pttl(key)).toBeGreaterThan(0);
    });
  });

  describe('one download (RULES 4.1)', () => {
    it('each whole GET of a user is one; ranges join the newest of the same client and file', async () => {
      const subject = someone();
      const address = someName();
      const first = await open(downloadBy(subject, { client: clientAt(address) }));
      const again = downloadBy(subject, { client: clientAt(address) });
      const second = await open(again);
      expect(second).not.toBe(first);
      expect(await open(resumption(again))).toBe(second);
      expect(await open(resumption(again, 0))).toBe(second);
      expect(await hits(subject)).toBe(2);
    });

    it('another client, file or content is another download', async () => {
      const subject = someone();
      const begun = downloadBy(subject);
      const id = await open(begun);
      const others = [
        { ...resumption(begun), client: clientAt(someName()) },
        { ...resumption(begun), file: { id: '43', tenantId: '1', size: SIZE, sha256: 'a'.repeat(64) } },
        {
          ...resumption(begun),
          file: { id: fileIdOf(subject), tenantId: '1', size: SIZE, sha256: 'b'.repeat(64) },
        },
      ];
      const ids = await Promise.all(others.map((other) => open(other)));
      expect(new Set([id, ...ids]).size).toBe(4);
    });

    it('16 segments of a client that never asked for the whole are one', async () => {
      const subject = someone();
      const begun = downloadBy(subject);
      const ids = await Promise.all(
        Array.from({ length: 16 }, (_, place) =>
          admit(resumption(begun, place * 60), place).then((verdict) => idOf(verdict)),
        ),
      );
      expect(new Set(ids).size).toBe(1);
      expect(await hits(subject)).toBe(1);
    });

    it('a client that brings its cookie back is known by it, wherever it comes from', async () => {
      const subject = someone();
      const newCookie = someName();
      const begun = downloadBy(subject, { client: { address: someName(), newCookie } });
      const id = await open(begun);
      const elsewhere = { ...clientAt(someName()), cookie: newCookie };
      expect(await open({ ...resumption(begun), client: elsewhere })).toBe(id);
      // And a stranger at its address that has another one is not it.
      const stranger = { ...clientAt(begun.client.address), cookie: someName() };
      expect(await open({ ...resumption(begun), client: stranger })).not.toBe(id);
    });

    it('a retry by nginx on another replica is neither a hit nor a slot', async () => {
      const subject = someone();
      const request = downloadBy(subject, { maxConcurrent: 1, rate: { of: subject, limit: 1 } });
      const id = await open(request);
      expect(await admit(request, 1)).toEqual({ kind: 'admitted', downloadId: id, isNew: false });
      expect(await hits(subject)).toBe(1);
      await end(request, id);
      expect(await record(subject, id)).toMatchObject({ open: '0', state: 'COMPLETED' });
    });

    it('looks and probes open nothing', async () => {
      const subject = someone();
      for (const purpose of ['look', 'probe'] as const) {
        expect(await admit(downloadBy(subject, { purpose, maxConcurrent: 1 }))).toEqual({
          kind: 'admitted',
          downloadId: undefined,
          isNew: false,
        });
      }
      expect(await hits(subject)).toBe(0);
    });

    it('what is handed to a store takes no slot and is never guessed', async () => {
      const subject = someone();
      for (let round = 0; round < 3; round += 1) {
        const { transfer: _, ...request } = downloadBy(subject, { maxConcurrent: 1 });
        expect(await record(subject, await open(request))).toMatchObject({ state: 'DELEGATED', open: '0' });
      }
      expect(await hits(subject)).toBe(3);
    });
  });

  describe('what was delivered (RULES 4.2)', () => {
    const stateAfter = async (
      pieces: readonly (readonly [first: number, last: number, bytes?: number])[],
    ): Promise<Record<string, string>> => {
      const subject = someone();
      const begun = downloadBy(subject);
      let id: string | undefined;
      for (const [first, last, bytes] of pieces) {
        const whole = last - first + 1;
        const request = {
          ...resumption(begun, first),
          transfer: { id: someName(), instance: 'nginx-1', ranges: [{ first, last }] },
        };
        id = await open(request);
        await end(request, id, bytes ?? whole, bytes === undefined);
      }
      return record(subject, id ?? '');
    };

    it.each([
      { name: 'the whole', pieces: [[0, 999]], state: 'COMPLETED', ranges: '0-999' },
      { name: 'cut short', pieces: [[0, 999, 400]], state: 'ACTIVE', ranges: '0-399' },
      { name: 'nothing', pieces: [[0, 999, 0]], state: 'ACTIVE', ranges: '' },
      {
        name: 'cut short and resumed',
        pieces: [
          [0, 999, 400],
          [400, 999],
        ],
        state: 'COMPLETED',
        ranges: '0-999',
      },
      {
        name: 'a gap of one byte',
        pieces: [
          [0, 399],
          [401, 999],
        ],
        state: 'ACTIVE',
        ranges: '0-399,401-999',
      },
      {
        name: 'in any order, overlapping',
        pieces: [
          [600, 999],
          [0, 300],
          [200, 700],
        ],
        state: 'COMPLETED',
        ranges: '0-999',
      },
      {
        name: 'the same twice',
        pieces: [
          [0, 499],
          [0, 499],
        ],
        state: 'ACTIVE',
        ranges: '0-499',
      },
    ] as const)('$name: $state', async ({ pieces, state, ranges }) => {
      expect(await stateAfter(pieces)).toMatchObject({ state, ranges });
    });

    it('as a set of bytes has it, for any pieces', async () => {
      const piece = fc
        .tuple(fc.nat(99), fc.nat(99))
        .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
      await fc.assert(
        fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 12 }), async (pieces) => {
          const bytes = new Set(
            pieces.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at)),
          );
          const expected = [...bytes]
            .toSorted((a, b) => a - b)
            .reduce<[number, number][]>((ranges, byte) => {
              const last = ranges.at(-1);
              if (last?.[1] === byte - 1) last[1] = byte;
              else ranges.push([byte, byte]);
              return ranges;
            }, []);
          const { ranges } = await stateAfter(pieces);
          expect(ranges).toBe(expected.map(([first, last]) => `${first}-${last}`).join(','));
        }),
        { numRuns: 60 },
      );
    });

    it('several ranges at once count when all of them went out', async () => {
      for (const completed of [true, false]) {
        const subject = someone();
        const ranges = [
          { first: 0, last: 499 },
          { first: 500, last: 999 },
        ];
        const request = downloadBy(subject, { whole: false, transfer: { ranges } });
        const id = await open(request);
        await end(request, id, 1_200, completed);
        expect((await record(subject, id)).state).toBe(completed ? 'COMPLETED' : 'ACTIVE');
      }
    });

    it('an empty file is complete when its answer is', async () => {
      const subject = someone();
      const file = { id: '7', tenantId: '1', size: 0, sha256: 'e'.repeat(64) };
      const request = downloadBy(subject, { file, transfer: { ranges: [] } });
      const id = await open(request);
      await end(request, id, 0, true);
      expect(await record(subject, id)).toMatchObject({ state: 'COMPLETED', open: '0' });
    });

    it('a line that comes twice, of another, or of a download that is not told counts once, never, and all the same', async () => {
      const subject = someone();
      const request = downloadBy(subject);
      const id = await open(request);
      await replicas[0].end([
        { ...endOf(request, id), transfer: someName() },
        { ...endOf(request, id), instance: 'nginx-2' },
        { ...endOf(request, 'nonsense'), transfer: someName() },
      ]);
      expect((await record(subject, id)).open).toBe('1');
      await end(request, undefined, 300, false);
      await end(request, id, 1_000);
      expect(await record(subject, id)).toMatchObject({ open: '0', bytes: '300', ranges: '0-299' });
    });
  });

  describe('slots', () => {
    it('50 at once on two replicas: exactly as many as allowed', async () => {
      for (let round = 0; round < 100; round += 1) {
        const subject = someone();
        const verdicts = await Promise.all(
          Array.from({ length: 50 }, (_, place) => admit(downloadBy(subject, { maxConcurrent: 5 }), place)),
        );
        expect(verdicts.filter(({ kind }) => kind === 'admitted')).toHaveLength(5);
        expect(await hits(subject)).toBe(5);
      }
    });

    it('a two-hour transfer at 100 KiB/s keeps its slot; one below the slowest rate loses it', async () => {
      const subject = someone();
      const size = 2 * 3_600 * 100 * 1_024;
      const file = { id: '9', tenantId: '1', size, sha256: 'c'.repeat(64) };
      const of = () => downloadBy(subject, { file, maxConcurrent: 1 });
      await open(of());
      // As if that many seconds had passed: Redis' clock is the only one, so all that was written is made older.
      const age = async (seconds: number) => {
        const key = `slots:${bucketTag(subject)}:${subject}`;
        for (const id of await redis.zrange(key, 0, -1)) await redis.zincrby(key, -1_000 * seconds, id);
      };
      await age(2 * 3_600 + 60);
      expect(await admit(of())).toEqual({ kind: 'slots' });
      await age(size / 8_192 - 2 * 3_600);
      expect(await admit(of())).toMatchObject({ kind: 'admitted' });
    });

    it('connections of one download, where they are counted here', async () => {
      const subject = someone();
      const begun = downloadBy(subject, { transfer: { maxConnections: 3 } });
      const id = await open(begun);
      const another = () => {
        const next = resumption(begun);
        return next.transfer === undefined
          ? next
          : { ...next, transfer: { ...next.transfer, maxConnections: 3 } };
      };
      const two = another();
      expect([await open(two), await open(another())]).toEqual([id, id]);
      expect(await admit(another())).toEqual({ kind: 'connections' });
      await end(two, id);
      expect(await open(another())).toBe(id);
    });

    it('a client that goes on from another address gives back the slots that it took', async () => {
      const subject = `token:${someName()}`;
      const slotsAt = (address: string) => [
        { holder: `${subject}:${address}`, limit: 1 },
        { holder: subject, limit: 1 },
      ];
      const newCookie = someName();
      const begun = { ...downloadBy(subject, { client: { address: 'a', newCookie } }), slots: slotsAt('a') };
      const id = await open(begun);
      await end(begun, id, 10, false);
      const on = {
        ...resumption(begun),
        client: { ...clientAt('b'), cookie: newCookie },
        slots: slotsAt('b'),
      };
      expect(await open(on)).toBe(id);
      await end(on, id, 10, false);
      expect(await redis.keys(`slots:*${subject}*`)).toEqual([]);
      // What was handed to a store has no slot until somebody here sends it.
      const { transfer: _, ...delegated } = downloadBy(subject, { client: clientAt('c') });
      const other = await open({ ...delegated, slots: slotsAt('c') });
      const here = { ...resumption(delegated), client: clientAt('c'), slots: slotsAt('c') };
      expect(await open(here)).toBe(other);
      expect(await admit({ ...downloadBy(subject), slots: slotsAt('c') })).toEqual({ kind: 'slots' });
      await end(here, other, 10, false);
      expect(await redis.keys(`slots:*${subject}*`)).toEqual([]);
    });

    /** A reference that anybody can read, and Redis, given the same commands in the same order. */
    it('as a simple model has it, for any sequence of begins, resumes and ends', async () => {
      const LIMIT = 3;
      interface Model {
        readonly downloads: Map<string, number>;
      }
      const begin = fc.record({ do: fc.constant('begin' as const), client: fc.nat(3) });
      const resume = fc.record({ do: fc.constant('resume' as const), client: fc.nat(3) });
      const finish = fc.record({ do: fc.constant('end' as const), which: fc.nat(20) });
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.oneof(begin, resume, finish), { minLength: 5, maxLength: 40 }),
          async (commands) => {
            const subject = someone();
            const clients = Array.from({ length: 4 }, () => clientAt(someName()));
            const model: Model = { downloads: new Map() };
            const newest = new Map<number, string>();
            const running: { request: AdmissionRequest; id: string }[] = [];
            const busy = () => [...model.downloads.values()].filter((open) => open > 0).length;
            for (const command of commands) {
              if (command.do === 'end') {
                const [over] = running.splice(command.which % Math.max(1, running.length), 1);
                if (over === undefined) continue;
                await end(over.request, over.id, 1, false);
                model.downloads.set(over.id, (model.downloads.get(over.id) ?? 0) - 1);
                continue;
              }
              const client = { ...(clients[command.client] ?? clientAt('')), newCookie: someName() };
              const whole = downloadBy(subject, { client, maxConcurrent: LIMIT });
              const request = command.do === 'begin' ? whole : resumption(whole);
              const joined = command.do === 'resume' ? newest.get(command.client) : undefined;
              const needsSlot = joined === undefined || (model.downloads.get(joined) ?? 0) === 0;
              const expected = needsSlot && busy() >= LIMIT ? 'slots' : 'admitted';
              const verdict = await admit(request, running.length);
              expect(verdict.kind).toBe(expected);
              if (verdict.kind !== 'admitted') continue;
              const id = verdict.downloadId ?? '';
              if (joined !== undefined) expect(id).toBe(joined);
              newest.set(command.client, id);
              model.downloads.set(id, (model.downloads.get(id) ?? 0) + 1);
              running.push({ request, id });
            }
          },
        ),
        { numRuns: 150 },
      );
    });
  });

  const token = async (
    facts: Partial<Record<'expiresAt' | 'used' | 'maxDownloads' | 'probes', string | number>> = {},
  ): Promise<{ subject: string; key: string; use: { id: string; cookieOnly: boolean } }> => {
    const id = someName();
    const subject = `token:${id}`;
    const key = `download:token:${bucketTag(subject)}:${id}`;
    await redis.hset(key, {
      expiresAt: Date.now() + 60_000,
      used: 0,
      maxDownloads: '',
      probes: 0,
      ...facts,
    });
    return { subject, key, use: { id, cookieOnly: false } };
  };

  describe('claims of a token (RULES 4.5)', () => {
    const use = async (key: string) => Number(await redis.hget(key, 'used'));

    it('50 parallel first uses of a one-time token, on two replicas, hundreds of times: exactly one', async () => {
      for (let round = 0; round < 200; round += 1) {
        const { subject, key, use: of } = await token({ maxDownloads: 1 });
        const client = clientAt(someName());
        const verdicts = await Promise.all(
          Array.from({ length: 50 }, (_, place) => admit(downloadBy(subject, { token: of, client }), place)),
        );
        const kinds = verdicts.map(({ kind }) => kind).toSorted();
        expect(kinds).toEqual(['admitted', ...Array<string>(49).fill('token-exhausted')]);
        expect([await use(key), await hits(subject)]).toEqual([1, 1]);
      }
    });

    it('unknown, expired, used up', async () => {
      const unknown = { id: someName(), cookieOnly: false };
      expect(await admit(downloadBy(`token:${unknown.id}`, { token: unknown }))).toEqual({
        kind: 'token-invalid',
      });
      const expired = await token({ expiresAt: Date.now() - 1 });
      expect(await admit(downloadBy(expired.subject, { token: expired.use }))).toEqual({
        kind: 'token-invalid',
      });
      const spent = await token({ maxDownloads: 2, used: 2 });
      for (const purpose of ['look', 'open'] as const) {
        expect(await admit(downloadBy(spent.subject, { token: spent.use, purpose }))).toEqual({
          kind: 'token-exhausted',
        });
      }
    });

    it('who has claimed it goes on by ranges, or again by its cookie, without a use, also when the token has expired', async () => {
      const { subject, key, use: of } = await token({ maxDownloads: 1 });
      const newCookie = someName();
      const begun = downloadBy(subject, { token: of, client: { address: someName(), newCookie } });
      const id = await open(begun);
      await end(begun, id, 400, false);
      await redis.hset(key, { expiresAt: Date.now() - 1 });
      expect(await open(resumption(begun, 400))).toBe(id);
      const again = {
        ...downloadBy(subject, { token: of }),
        client: { ...clientAt(someName()), cookie: newCookie },
      };
      expect(await open(again)).toBe(id);
      expect([await use(key), await hits(subject)]).toEqual([1, 1]);
      // Without the cookie a plain GET is somebody else's.
      expect(await admit(downloadBy(subject, { token: of, client: clientAt(begun.client.address) }))).toEqual(
        {
          kind: 'token-invalid',
        },
      );
    });

    it('`resume: cookie`: the address alone is nobody', async () => {
      const { subject, use: of } = await token({ maxDownloads: 1 });
      const cookieOnly = { ...of, cookieOnly: true };
      const newCookie = someName();
      const begun = downloadBy(subject, { token: cookieOnly, client: { address: someName(), newCookie } });
      const id = await open(begun);
      expect(await admit(resumption(begun))).toEqual({ kind: 'token-exhausted' });
      const known = { ...resumption(begun), client: { ...clientAt(someName()), cookie: newCookie } };
      expect(await open(known)).toBe(id);
    });

    it('revoked: the claim too', async () => {
      const { subject, key, use: of } = await token({ maxDownloads: 1 });
      const begun = downloadBy(subject, { token: of });
      await open(begun);
      await redis.del(key);
      expect(await admit(resumption(begun))).toEqual({ kind: 'token-invalid' });
    });

    it('covered: its client may still read on for a minute, nobody may begin again', async () => {
      const { subject, use: of } = await token({ maxDownloads: 1 });
      const newCookie = someName();
      const begun = downloadBy(subject, { token: of, client: { address: someName(), newCookie } });
      const id = await open(begun);
      await end(begun, id);
      const known = { ...clientAt(someName()), cookie: newCookie };
      expect(await open({ ...resumption(begun), client: known })).toBe(id);
      expect(await admit({ ...downloadBy(subject, { token: of }), client: known })).toEqual({
        kind: 'token-exhausted',
      });
      await redis.hset(`download:${bucketTag(subject)}:${id}`, 'ended', Date.now() - 61_000);
      expect(await admit({ ...resumption(begun), client: known })).toEqual({ kind: 'token-exhausted' });
    });

    it('delivers at most twice the size', async () => {
      const { subject, use: of } = await token({ maxDownloads: 1 });
      const begun = downloadBy(subject, { token: of });
      const id = await open(begun);
      await end(begun, id, 999, false);
      for (const first of [1, 0]) {
        const more = resumption(begun, Math.max(first, 1));
        expect(await open(more)).toBe(id);
        await end(more, id, 998, false);
        if (first === 1) await redis.hset(`download:${bucketTag(subject)}:${id}`, 'ranges', '');
      }
      expect(await admit(resumption(begun, 1))).toEqual({ kind: 'token-exhausted' });
    });

    it('looks spend nothing; a token has ten probes', async () => {
      const { subject, key, use: of } = await token({ maxDownloads: 1 });
      const ask = (purpose: 'look' | 'probe') => admit(downloadBy(subject, { token: of, purpose }));
      for (let round = 0; round < 20; round += 1) expect((await ask('look')).kind).toBe('admitted');
      for (let round = 0; round < 10; round += 1) expect((await ask('probe')).kind).toBe('admitted');
      expect(await ask('probe')).toEqual({ kind: 'token-exhausted' });
      expect(await use(key)).toBe(0);
      expect((await admit(downloadBy(subject, { token: of }))).kind).toBe('admitted');
    });

    it('a token without a number of downloads is never used up, and each client is one download', async () => {
      const { subject, key, use: of } = await token();
      const newCookie = someName();
      const begun = downloadBy(subject, { token: of, client: { address: someName(), newCookie } });
      const id = await open(begun);
      expect(
        await open({
          ...downloadBy(subject, { token: of }),
          client: { ...clientAt(someName()), cookie: newCookie },
        }),
      ).toBe(id);
      expect(await open(downloadBy(subject, { token: of }))).not.toBe(id);
      expect(await use(key)).toBe(2);
    });
  });

  it('replicas whose clocks are an hour apart agree: Redis’ clock is the only one', async () => {
    const clock = async (hours: number, work: () => Promise<Verdict>): Promise<Verdict> => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + hours * 3_600_000 });
      try {
        return await work();
      } finally {
        vi.useRealTimers();
      }
    };
    const subject = someone();
    const rate = { of: subject, limit: 2 };
    const ask = (replica: number) => admit(downloadBy(subject, { rate, maxConcurrent: 1 }), replica);
    expect((await clock(1, () => ask(0))).kind).toBe('admitted');
    for (const [replica, hours] of [
      [0, 1],
      [1, -1],
      [1, 0],
    ] as const) {
      expect(await clock(hours, () => ask(replica))).toEqual({ kind: 'slots' });
    }
    const look = (replica: number) => admit(downloadBy(subject, { rate, purpose: 'look' }), replica);
    expect((await clock(-1, () => look(1))).kind).toBe('admitted');
    for (const hours of [1, 0, -1]) {
      const verdict = await clock(hours, () => look(0));
      expect(verdict).toMatchObject({ kind: 'rate' });
      expect(verdict.kind === 'rate' && verdict.left <= 60_000).toBe(true);
    }
    const { subject: holder, use: of } = await token({ expiresAt: Date.now() + 60_000 });
    expect((await clock(1, () => admit(downloadBy(holder, { token: of })))).kind).toBe('admitted');
  });

  it('a batch is judged in its order, each for itself', async () => {
    const subject = someone();
    const [first, second, third] = await Promise.all([
      admit(downloadBy(subject, { maxConcurrent: 1 })),
      admit(downloadBy(subject, { maxConcurrent: 1 })),
      admit(downloadBy(someone(), { maxConcurrent: 1 })),
    ]);
    expect([first.kind, second.kind, third.kind]).toEqual(['admitted', 'slots', 'admitted']);
  });

  it('everything that is kept has an end', async () => {
    const lasting: string[] = [];
    for (const key of await redis.keys('*')) {
      if (key.startsWith('version:') || key.startsWith('download:token:')) continue;
      if ((await redis.ttl(key)) === -1) lasting.push(key.replace(/\{b\d+\}.*/, ''));
    }
    // These are emptied: by ends, and by the sweep.
    expect([...new Set(lasting)].toSorted()).toEqual(['downloads:', 'transfers:']);
  });
});
