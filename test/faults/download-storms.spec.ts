import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKey } from '../harness/accounts.js';
import { type Api, expectProblem, type FileJson } from '../harness/api.js';
import { mint } from '../harness/download-tokens.js';
import type { Answer, Request } from '../harness/http.js';
import { useOwnStack } from '../harness/own-stack.js';
import { Seed } from '../harness/seed.js';
import { SlowDownload } from '../harness/slow-download.js';

const LIMIT = 20;

/** Whoever asks, and however often what is asked is refused: it is counted, on two replicas together. */
describe('the rate of downloads', () => {
  const own = useOwnStack(
    { RATE_LIMIT_DOWNLOADS: String(LIMIT), DOWNLOAD_MAX_CONCURRENT: '1', RATE_LIMIT_TOKEN_MISSES: '1000000' },
    { replicas: 2 },
  );
  let seed: Seed;
  let owner: Api;
  let file: FileJson;

  beforeAll(() => {
    seed = Seed.open(own.stack);
  });
  afterAll(() => seed.close());

  /** A user whose requests nobody has counted yet, with a file. */
  const someone = async (size = 100, visibility = 'private'): Promise<void> => {
    const { email, password } = await seed.user(await seed.defaultTenant());
    owner = await own.anonymous.login(email, password);
    file = await owner.upload(randomBytes(size), { visibility });
  };
  const storm = (count: number, request: (at: number) => Promise<Answer>): Promise<Answer[]> =>
    Promise.all(Array.from({ length: count }, (_, at) => request(at)));
  const expectCounted = (answers: readonly Answer[], served: number): void => {
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status !== 429)).toHaveLength(served);
    for (const answer of answers) {
      if (answer.status !== 429) continue;
      // Problems of HEAD have no text.
      if (answer.text !== '') expectProblem(answer, 429, 'too-many-requests');
      expect(answer.headers.ratelimit).toMatch(/^"downloads";r=0;/);
    }
  };
  const ask = (token: string, at: number, request: Request = {}, id = file.id): Promise<Answer> =>
    own.anonymous.send(`/download/${id}?token=${token}`, {
      ...request,
      headers: { 'User-Agent': `agent ${at}`, Cookie: `dl=${randomBytes(16).toString('base64url')}` },
    });

  it('of a token: with another User-Agent and another cookie at each request', async () => {
    await someone();
    const { token } = await mint(owner, file.id, { maxConcurrent: 1_000 });
    expectCounted(await storm(3 * LIMIT, (at) => ask(token, at, { method: at % 2 ? 'HEAD' : 'GET' })), LIMIT);
  });

  it('of a token that is used up', async () => {
    await someone();
    const { token } = await mint(owner, file.id, { maxDownloads: 1 });
    expect((await ask(token, 0)).status).toBe(200);
    for (let round = 0; round < 3; round += 1) await storm(LIMIT, (at) => ask(token, at));
    expectProblem(await ask(token, 0), 429, 'too-many-requests');
  });

  it('of a token that is sent for other files: their ids are not asked for without end', async () => {
    await someone();
    const { token } = await mint(owner, file.id);
    expect((await ask(token, 0, { method: 'HEAD' })).status).toBe(200);
    const answers = await storm(3 * LIMIT, (at) => ask(token, at, {}, String(1_000_000 + at)));
    expectCounted(answers, LIMIT - 1);
  });

  it('of a user whose places are taken', async () => {
    await someone(24 * 2 ** 20);
    const begun = await SlowDownload.begin(`${own.stack.publicUrl}/download/${file.id}`, {
      Authorization: `Bearer ${owner.token ?? ''}`,
    });
    expect(begun.status).toBe(200);
    const refused = await storm(LIMIT, () => owner.download(file.id));
    for (const answer of refused) expectProblem(answer, 429, 'too-many-downloads');
    expectProblem(await owner.download(file.id), 429, 'too-many-requests');
    begun.cut();
  });

  it('of a user who asks for ids that nobody has: after the limit PostgreSQL hears nothing of it', async () => {
    await someone();
    const transactions = async (): Promise<number> => {
      const [row] = await seed.query<{ count: string }>(
        `SELECT xact_commit + xact_rollback AS count FROM pg_stat_database WHERE datname = current_database()`,
        [],
      );
      return Number(row?.count);
    };
    const unknown = (at: number) => owner.download(String(5_000_000 + at));
    const first = await storm(2 * LIMIT, unknown);
    expect(first.filter(({ status }) => status === 404)).toHaveLength(LIMIT);
    const before = await transactions();
    for (let round = 0; round < 10; round += 1) {
      expectCounted(await storm(50, (at) => unknown(100 + at)), 0);
    }
    // Its own numbers come late, and what else the service does is in them.
    expect((await transactions()) - before).toBeLessThan(100);
  });

  it('of an address: whatever it says of itself through nginx', async () => {
    await someone(100, 'public');
    const answers = await storm(2 * LIMIT, (at) =>
      own.anonymous.send(`/download/${file.id}`, {
        method: 'HEAD',
        headers: {
          'User-Agent': `agent ${at}`,
          'X-Forwarded-For': `203.0.113.${at}`,
          'X-Real-IP': `203.0.113.${at}`,
          'True-Client-IP': `203.0.113.${at}`,
          Forwarded: `for=203.0.113.${at}`,
          'X-Nginx-Instance': `instance${at}`,
        },
      }),
    );
    expectCounted(answers, LIMIT);
    expect((await owner.download(file.id)).status).toBe(200);
  });

  it('of all keys and sessions of a user together', async () => {
    await someone();
    const key = own.anonymous.withKey((await createKey(owner, ['download'])).key);
    const head = (api: Api) => api.download(file.id, {}, 'HEAD');
    expectCounted(await storm(2 * LIMIT, (at) => head(at % 2 ? key : owner)), LIMIT);
  });
});
