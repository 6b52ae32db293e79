import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem, type FileJson } from '../harness/api.js';
import { type AuditEntry, SELECT_AUDIT } from '../harness/audit.js';
import { recordAtRest, recordOf } from '../harness/downloads.js';
import type { Answer } from '../harness/http.js';
import { useOwnStack } from '../harness/own-stack.js';
import { Seed, type SeededUser } from '../harness/seed.js';
import { SlowDownload } from '../harness/slow-download.js';
import { until } from '../harness/until.js';

const MIB = 2 ** 20;

/** Real: PostgreSQL, Redis, nginx and two replicas. */
describe('DELETE /api/v1/downloads/:id', () => {
  const own = useOwnStack({ DOWNLOAD_MAX_CONCURRENT: '1' }, { replicas: 2, restart: true });
  const bytes = randomBytes(24 * MIB);
  let seed: Seed;
  let tenantId: string;
  let admin: Api;
  let adminAccount: SeededUser;
  const running: SlowDownload[] = [];

  beforeAll(async () => {
    seed = Seed.open(own.stack);
    tenantId = await seed.tenant();
    adminAccount = await seed.user(tenantId, 'admin');
    admin = await own.anonymous.login(adminAccount.email, adminAccount.password);
  });
  afterAll(() => seed.close());
  afterEach(() => {
    for (const one of running.splice(0)) one.cut();
  });

  interface Person {
    readonly api: Api;
    readonly account: SeededUser;
    readonly file: FileJson;
  }
  const someone = async (limits?: object): Promise<Person> => {
    const account = await seed.user(tenantId);
    const api = await own.anonymous.login(account.email, account.password);
    const file = await api.upload(bytes);
    if (limits !== undefined) {
      expect((await own.admin.patch(`/api/v1/users/${account.id}`, { limits })).status).toBe(200);
    }
    return { api, account, file };
  };
  const begin = async (
    { api, file }: Person,
    origin: string,
    headers: Record<string, string> = {},
  ): Promise<SlowDownload> => {
    const one = await SlowDownload.begin(`${origin}/download/${file.id}`, {
      Authorization: `Bearer ${api.token ?? ''}`,
      ...headers,
    });
    running.push(one);
    return one;
  };
  const end = (id: string, by = admin): Promise<Answer> => by.delete(`/api/v1/downloads/${id}`);
  /** Milliseconds from now until the client has been cut off; what it reads until then was on its way. */
  const cutAfter = async (one: SlowDownload): Promise<number> => {
    const since = performance.now();
    const outcome = await one.rest().then(
      () => 'whole',
      () => 'cut',
    );
    expect(outcome).toBe('cut');
    return performance.now() - since;
  };
  const auditOf = async (answer: Answer): Promise<AuditEntry[]> =>
    seed.query<AuditEntry>(`${SELECT_AUDIT} WHERE request_id = $1`, [answer.headers['x-request-id']]);
  /** Of the person's own: past any nginx they are streams, by `userRate` behind it too. */
  const appUrl = (replica: number): string => own.stack.appUrls[replica] ?? '';

  /** Slow enough that it runs as long as the test, and read as it comes. */
  const shaped = { userRate: 100_000 };

  describe.each([0, 1])('asked of replica %i', (asked) => {
    const by = (): Api => admin.via(appUrl(asked));

    it.each([0, 1])('what replica %i sends is cut within a second, and its place is free', async (sends) => {
      const person = await someone(shaped);
      const one = await begin(person, appUrl(sends));
      expect(one.status).toBe(200);
      const cut = cutAfter(one);
      await sleep(300);
      expectProblem(await person.api.download(person.file.id), 429, 'too-many-downloads');
      const since = performance.now();
      const answer = await end(one.downloadId, by());
      expect({ status: answer.status, json: answer.json }).toEqual({
        status: 200,
        json: { ended: 1, running: 0 },
      });
      await cut;
      expect(performance.now() - since).toBeLessThan(1_000);
      expect(await recordAtRest(seed, one.downloadId)).toMatchObject({ state: 'ENDED', open: 0 });
      expect((await begin(person, appUrl(sends))).status).toBe(200);
      expect(await auditOf(answer)).toMatchObject([
        {
          tenantId,
          actorId: adminAccount.id,
          action: 'download.end',
          outcome: 'ok',
          objectKind: 'download',
          objectId: one.downloadId,
          detail: { fileId: person.file.id },
        },
      ]);
    });
  });

  it('streams behind nginx are cut too, all of one download', async () => {
    const person = await someone(shaped);
    const first = await begin(person, own.stack.publicUrl);
    const more = [1, 2, 3].map((from) =>
      begin(person, own.stack.publicUrl, { Range: `bytes=${from}-`, Cookie: first.cookie }),
    );
    const all = [first, ...(await Promise.all(more))];
    expect(new Set(all.map(({ downloadId }) => downloadId))).toEqual(new Set([first.downloadId]));
    const cuts = Promise.all(all.map(cutAfter));
    const since = performance.now();
    expect((await end(first.downloadId)).json).toEqual({ ended: 4, running: 0 });
    await cuts;
    expect(performance.now() - since).toBeLessThan(1_000);
    expect(await recordAtRest(seed, first.downloadId)).toMatchObject({ state: 'ENDED', open: 0 });
  });

  it('what nginx sends goes on, and is told; it still may become complete', async () => {
    const person = await someone();
    const one = await begin(person, own.stack.publicUrl);
    expect((await end(one.downloadId)).json).toEqual({ ended: 0, running: 1 });
    expect((await recordOf(seed, one.downloadId)).state).toBe('ENDED');
    // It has its place as long as it runs.
    expectProblem(await person.api.download(person.file.id), 429, 'too-many-downloads');
    expect((await one.rest()).equals(bytes)).toBe(true);
    expect(await recordAtRest(seed, one.downloadId)).toMatchObject({ state: 'COMPLETED', open: 0 });
    expect((await end(one.downloadId)).json).toEqual({ ended: 0, running: 0 });
    expect((await recordOf(seed, one.downloadId)).state).toBe('COMPLETED');
    // Nor is one that was complete before.
    const next = await begin(person, own.stack.publicUrl, { Range: 'bytes=9-', Cookie: one.cookie });
    expect(next.status).toBe(206);
    expect(next.downloadId).not.toBe(one.downloadId);
  });

  it('twice: it says each time what still runs', async () => {
    const person = await someone();
    const one = await begin(person, own.stack.publicUrl);
    for (let round = 0; round < 2; round += 1) {
      const answer = await end(one.downloadId);
      expect(answer.json).toEqual({ ended: 0, running: 1 });
      expect(await auditOf(answer)).toHaveLength(1);
    }
    one.cut();
    await recordAtRest(seed, one.downloadId);
    expect((await end(one.downloadId)).json).toEqual({ ended: 0, running: 0 });
  });

  it('one that is ended is not resumed: a user who still may begins another', async () => {
    const person = await someone(shaped);
    const one = await begin(person, own.stack.publicUrl);
    await end(one.downloadId);
    await recordAtRest(seed, one.downloadId);
    const next = await begin(person, own.stack.publicUrl, { Range: 'bytes=9-', Cookie: one.cookie });
    expect(next.status).toBe(206);
    expect(next.downloadId).not.toBe(one.downloadId);
    expect(next.cookie).not.toBe('');
    // An idle one that is ended is not called aborted later on.
    const tag = `{b${one.downloadId.slice(0, 2)}}`;
    expect(await seed.redis.zscore(`downloads:${tag}:idle`, one.downloadId)).toBeNull();
  });

  it('a token that has paid for one download has paid for none when it is ended', async () => {
    const person = await someone(shaped);
    const minted = await person.api.post(`/api/v1/files/${person.file.id}/tokens`, { maxDownloads: 1 });
    const { url } = minted.json as { url: string };
    const link = new URL(url);
    const path = `${own.stack.publicUrl}${link.pathname}${link.search}`;
    const one = await SlowDownload.begin(path);
    running.push(one);
    expect((await end(one.downloadId)).json).toEqual({ ended: 1, running: 0 });
    await recordAtRest(seed, one.downloadId);
    const resumed = await SlowDownload.begin(path, { Range: 'bytes=9-', Cookie: one.cookie });
    expect(resumed.status).toBe(403);
    expect((await resumed.rest()).toString()).toContain('token-exhausted');
  });

  it.each([
    ['nothing of that form', 'x'],
    ['a number', '42'],
    ['too short', `07${'a'.repeat(21)}`],
    ['too long', `07${'a'.repeat(23)}`],
    ['a bucket that there is not', `16${'a'.repeat(22)}`],
    ['letters that are none of them', `07${'a'.repeat(21)}%2E`],
    ['another key', '07%7Bb00%7D:aaaaaaaaaaaaaaaaaaaaa'],
    ['a line', `07${'a'.repeat(22)}%0A`],
  ])('400: %s', async (_name, id) => {
    const answer = await end(id);
    expectProblem(answer, 400, 'validation-failed');
    expect(await auditOf(answer)).toEqual([]);
  });

  it('404: unknown, and of another tenant, which goes on; operators end it', async () => {
    const unknown = await end(`07${randomBytes(16).toString('base64url')}`);
    expectProblem(unknown, 404, 'download-not-found');
    expect(await auditOf(unknown)).toEqual([]);

    const person = await someone(shaped);
    const one = await begin(person, own.stack.publicUrl);
    const account = await seed.user(await seed.tenant(), 'admin');
    const foreign = await own.anonymous.login(account.email, account.password);
    const refused = await end(one.downloadId, foreign);
    expectProblem(refused, 404, 'download-not-found');
    expect(await auditOf(refused)).toEqual([]);
    expect((await recordOf(seed, one.downloadId)).state).toBe('ACTIVE');
    expectProblem(await end(one.downloadId, person.api), 403, 'forbidden');

    const answer = await end(one.downloadId, own.admin);
    expect(answer.json).toEqual({ ended: 1, running: 0 });
    // The admins of the tenant read of it.
    expect(await auditOf(answer)).toMatchObject([{ tenantId, action: 'download.end' }]);
  });

  it('while a replica hears nothing its transfers run; it is told so, and cuts them as soon as it does', async () => {
    const person = await someone(shaped);
    const one = await begin(person, appUrl(1));
    const replica = own.stack.apps[1];
    replica?.kill('SIGSTOP');
    try {
      expect((await end(one.downloadId, admin.via(appUrl(0)))).json).toEqual({ ended: 0, running: 1 });
    } finally {
      replica?.kill('SIGCONT');
    }
    expect(await cutAfter(one)).toBeLessThan(1_000);
  });

  it('a message that was missed is made up for when the connection is back', async () => {
    const person = await someone(shaped);
    const one = await begin(person, appUrl(1));
    const tag = `{b${one.downloadId.slice(0, 2)}}`;
    // As an end whose message was lost together with the connections of all replicas.
    await seed.redis.hset(`download:${tag}:${one.downloadId}`, { state: 'ENDED', over: 1 });
    const cut = cutAfter(one);
    await seed.redis.client('KILL', 'TYPE', 'PUBSUB');
    expect(await cut).toBeLessThan(2_000);
    expect(await recordAtRest(seed, one.downloadId)).toMatchObject({ state: 'ENDED', open: 0 });
  });

  it('503 while PostgreSQL is away, and nothing is cut: what cannot be audited does not happen', async () => {
    const person = await someone(shaped);
    const one = await begin(person, appUrl(0));
    await own.stack.postgres?.stop();
    try {
      expectProblem(await end(one.downloadId), 503, 'dependency-unavailable');
      expect((await recordOf(seed, one.downloadId)).state).toBe('ACTIVE');
    } finally {
      await own.stack.postgres?.start();
    }
    const answer = await until(
      () => end(one.downloadId),
      ({ status }) => status === 200,
    );
    expect(answer.json).toEqual({ ended: 1, running: 0 });
  });

  it('503 while Redis is away; after its restart as before', async () => {
    const person = await someone(shaped);
    const one = await begin(person, own.stack.publicUrl);
    await own.stack.redis?.stop();
    const since = performance.now();
    expectProblem(await end(one.downloadId), 503, 'dependency-unavailable');
    expect(performance.now() - since).toBeLessThan(1_000);
    await own.stack.redis?.start();
    const answer = await until(
      () => end(one.downloadId),
      ({ status }) => status === 200,
    );
    expect(answer.json).toEqual({ ended: 1, running: 0 });
  });

  it('a client that goes away while it is being admitted keeps no place', async () => {
    const person = await someone(shaped);
    for (const origin of [own.stack.publicUrl, appUrl(0)]) {
      const before = new Set(await seed.redis.keys('download:*'));
      await seed.redis.client('PAUSE', '300', 'ALL');
      const abort = new AbortController();
      const asking = fetch(`${origin}/download/${person.file.id}`, {
        headers: { Authorization: `Bearer ${person.api.token ?? ''}` },
        signal: abort.signal,
      }).catch(() => undefined);
      await sleep(150);
      abort.abort();
      await asking;
      await sleep(400);
      const added = (await seed.redis.keys('download:*')).filter((key) => !before.has(key));
      expect(added).toHaveLength(1);
      const id = added[0]?.split(':').at(-1) ?? '';
      expect((await recordAtRest(seed, id, 1_000)).open).toBe(0);
    }
  });
});
