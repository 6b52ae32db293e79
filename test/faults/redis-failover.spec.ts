import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';
import { Api, expectProblem } from '../harness/api.js';
import type { Answer } from '../harness/http.js';
import { ADMIN, type OwnStack } from '../harness/own-stack.js';
import { RevocationWays } from '../harness/revocation-ways.js';
import { SlowDownload } from '../harness/slow-download.js';
import { TcpProxy } from '../harness/tcp-proxy.js';
import { UNLIMITED } from '../harness/unlimited.js';
import { until } from '../harness/until.js';

/**
 * RULES 3.3, 7.1. Real: two Redis servers that replicate, two replicas of the application, PostgreSQL, nginx. A proxy stands for the
 * address that moves to the new primary.
 */
describe('Redis fails over to a replica that lacks the newest writes', () => {
  const own = {} as { -readonly [K in keyof OwnStack]: OwnStack[K] };
  const folders: string[] = [];
  const started: Stack[] = [];
  let proxy: TcpProxy;
  let standby: Redis;
  let standbyUrl: URL;

  const folder = async (): Promise<string> => {
    const made = await mkdtemp(join(tmpdir(), 'failover-'));
    folders.push(made);
    return made;
  };

  beforeAll(async () => {
    const [first, second] = await Promise.all(
      [await folder(), await folder()].map((dataDir) =>
        startStack({ dataDir, durable: false, parts: ['redis'] }),
      ),
    );
    if (first === undefined || second === undefined) throw new Error('two were started');
    started.push(first, second);
    const [primary, replica] = [new URL(first.redisUrl), new URL(second.redisUrl)];
    standby = new Redis(second.redisUrl);
    // One password for both: the address moves, what clients know does not.
    await standby.config('SET', 'masterauth', primary.password);
    await standby.config('SET', 'requirepass', primary.password);
    await standby.replicaof('127.0.0.1', Number(primary.port));
    standbyUrl = new URL(primary);
    standbyUrl.port = replica.port;
    standby.disconnect();
    standby = new Redis(standbyUrl.href);
    proxy = await TcpProxy.to(Number(primary.port));
    const address = new URL(primary);
    address.port = String(proxy.port);
    own.stack = await startStack({
      dataDir: await folder(),
      durable: false,
      admin: ADMIN,
      replicas: 2,
      redisUrl: address.href,
      env: { ...UNLIMITED, RATE_LIMIT_API: '1000000', RATE_LIMIT_LOGINS: '1000000' },
    });
    own.anonymous = new Api(own.stack.publicUrl);
    own.admin = await own.anonymous.login(ADMIN.email, ADMIN.password);
  });
  afterAll(async () => {
    standby.disconnect();
    await own.stack.stop();
    for (const stack of started) await stack.stop();
    await proxy.refuse();
    for (const made of folders) await rm(made, { recursive: true, force: true });
  });

  const ways = new RevocationWays(own);

  it('what was revoked stays refused, what was not goes on, and a one-time link opens once more at most', async () => {
    const replica = (index: number): string => own.stack.appUrls[index % 2] ?? '';
    const ask = ({ api, path }: { api: Api; path: string }, index: number): Promise<Answer> =>
      api.via(replica(index)).send(path);
    const people = await Promise.all(ways.all.map(([, prepare]) => prepare(randomBytes(10))));
    const unharmed = await ways.byToken(randomBytes(10));
    const [spentBefore, spentAfter, untouched] = [
      await ways.byToken(randomBytes(10), { maxDownloads: 1 }),
      await ways.byToken(randomBytes(10), { maxDownloads: 1 }),
      await ways.byToken(randomBytes(10), { maxDownloads: 1 }),
    ];
    for (const who of [...people, unharmed]) {
      for (let index = 0; index < 4; index += 1) expect((await ask(who, index)).status).toBe(200);
    }
    expect((await ask(spentBefore, 0)).status).toBe(200);
    expect(await ways.seed.redis.wait(1, 5_000)).toBe(1);

    // From here on the standby hears of nothing.
    await standby.replicaof('NO', 'ONE');
    expect((await ask(spentAfter, 0)).status).toBe(200);
    expectProblem(await ask(spentAfter, 1), 403, 'token-exhausted');
    for (const [index, who] of people.entries()) {
      expect((await who.revoke(replica(index))).status).toBeLessThan(300);
    }
    proxy.target = Number(standbyUrl.port);
    proxy.cut();

    for (let index = 0; index < 2; index += 1) {
      const served = await until(
        () => ask(unharmed, index),
        ({ status }) => status !== 503,
      );
      expect(served.status).toBe(200);
    }
    for (const who of people) {
      for (let index = 0; index < 2; index += 1) expectProblem(await ask(who, index), ...who.refused);
    }
    for (let index = 0; index < 2; index += 1) {
      expectProblem(await ask(spentBefore, index), 403, 'token-exhausted');
    }
    for (const { path } of [spentAfter, untouched]) {
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, index) => SlowDownload.begin(replica(index) + path)),
      );
      for (const one of all) one.cut();
      expect(all.map(({ status }) => status).toSorted()).toEqual([200, ...Array<number>(19).fill(403)]);
    }
  });
});
