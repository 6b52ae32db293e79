import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem, type FileJson } from '../harness/api.js';
import { mint } from '../harness/download-tokens.js';
import type { Answer } from '../harness/http.js';
import { useOwnStack } from '../harness/own-stack.js';
import { Seed, type SeededUser } from '../harness/seed.js';
import { HAS_MINIO } from '../harness/stores.js';

const MIB = 2 ** 20;
const VOLUMES = HAS_MINIO ? (['local', 's3'] as const) : (['local'] as const);

/** Real: PostgreSQL, Redis, nginx, MinIO. What is measured is when the last byte has arrived. */
describe('DOWNLOAD_TRANSFER_RATE and a user’s own transferRate', () => {
  const DEFAULT_RATE = MIB;
  const own = useOwnStack(
    { DOWNLOAD_TRANSFER_RATE: String(DEFAULT_RATE), S3_DELIVERY: 'auto' },
    { s3: HAS_MINIO },
  );
  const bytes = randomBytes(5 * MIB);
  let seed: Seed;
  let tenantId: string;

  beforeAll(async () => {
    seed = Seed.open(own.stack);
    tenantId = await seed.tenant();
  });
  afterAll(() => seed.close());

  const someone = async (limits?: object): Promise<{ api: Api; account: SeededUser }> => {
    const account = await seed.user(tenantId, 'admin');
    if (limits !== undefined) await limit(account, limits);
    return { account, api: await own.anonymous.login(account.email, account.password) };
  };
  const limit = async ({ id }: SeededUser, limits: object): Promise<void> => {
    expect((await own.admin.patch(`/api/v1/users/${id}`, { limits })).status).toBe(200);
  };
  /** @returns bytes a second */
  const rateOf = async (ask: () => Promise<Answer>): Promise<number> => {
    const since = performance.now();
    const answer = await ask();
    expect(answer.status).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
    return bytes.length / ((performance.now() - since) / 1_000);
  };
  /** nginx counts in whole seconds: up to two of them are a burst (docs/limits.md). */
  const expectRate = (measured: number, rate: number): void => {
    const seconds = bytes.length / rate;
    expect(measured).toBeLessThan(bytes.length / (seconds - 2.2));
    expect(measured).toBeGreaterThan(bytes.length / (seconds * 1.2 + 1));
  };

  it.each(VOLUMES)('hold for whoever downloads, one transfer each (%s)', async (volume) => {
    const owner = await someone();
    const file = await owner.api.upload(bytes, { volume, visibility: 'public' });
    const slow = await someone({ transferRate: 700_000 });
    const fast = await someone({ transferRate: 100 * MIB });
    const { token } = await mint(slow.api, file.id);
    const [byDefault, anonymous, slowly, byToken, quickly] = await Promise.all([
      rateOf(() => owner.api.download(file.id)),
      rateOf(() => own.anonymous.download(file.id)),
      rateOf(() => slow.api.download(file.id)),
      rateOf(() => own.anonymous.send(`/download/${file.id}?token=${token}`)),
      rateOf(() => fast.api.download(file.id)),
    ]);
    expectRate(byDefault, DEFAULT_RATE);
    expectRate(anonymous, DEFAULT_RATE);
    expectRate(slowly, 700_000);
    // What a token gives counts as its minter's.
    expectRate(byToken, 700_000);
    expect(quickly).toBeGreaterThan(3 * MIB);
  });

  it('a change is there at the next request', async () => {
    const { api, account } = await someone({ transferRate: 100 * MIB });
    const { id } = await api.upload(bytes);
    const download = () => rateOf(() => api.download(id));
    expect(await download()).toBeGreaterThan(3 * MIB);
    await limit(account, { transferRate: null });
    expectRate(await download(), DEFAULT_RATE);
  });

  it.skipIf(!HAS_MINIO)('nobody is sent to the store, nor given credentials for it', async () => {
    const { api } = await someone();
    const { id } = await api.upload(randomBytes(100), { volume: 's3', visibility: 'public' });
    const { token } = await mint(api, id);
    for (const answer of [
      await api.download(id),
      await own.anonymous.download(id),
      await own.anonymous.send(`/download/${id}?token=${token}`),
    ]) {
      expect(answer.status).toBe(200);
      expect(answer.headers.location).toBeUndefined();
    }
    const asked = await api.post('/api/v1/storage/credentials', { fileIds: [id] });
    expectProblem(asked, 422, 'credentials-unavailable');
    expect((asked.json as { detail: string }).detail).toMatch(/limited/);
  });
});

/** RULES 5.2. */
describe.skipIf(!HAS_MINIO)('a volume that is fixed to redirect', () => {
  const own = useOwnStack({ DEFAULT_VOLUME: 's3', S3_DELIVERY: 'redirect' }, { s3: true });
  let seed: Seed;
  let account: SeededUser;
  let user: Api;
  let file: FileJson;

  beforeAll(async () => {
    seed = Seed.open(own.stack);
    account = await seed.user(await seed.tenant());
    user = await own.anonymous.login(account.email, account.password);
    file = await user.upload(randomBytes(100), { visibility: 'tenant' });
  });
  afterAll(() => seed.close());

  const REQUESTS: Record<string, string>[] = [
    {},
    { Range: 'bytes=5-' },
    { Range: 'bytes=0-0' },
    { 'If-None-Match': '"x"' },
  ];

  it('without limits: 302, and probes are answered here', async () => {
    const { token } = await mint(user, file.id);
    for (const ask of [
      (headers: Record<string, string> = {}) => user.download(file.id, headers),
      (headers: Record<string, string> = {}) =>
        own.anonymous.send(`/download/${file.id}?token=${token}`, { headers }),
    ]) {
      expect((await ask()).status).toBe(302);
      expect((await ask({ Range: 'bytes=5-' })).status).toBe(302);
      const probe = await ask({ Range: 'bytes=0-0' });
      expect([probe.status, probe.body.length]).toEqual([206, 1]);
      expect((await ask({ 'If-None-Match': `"${file.sha256}"` })).status).toBe(304);
    }
  });

  it.each([{ transferRate: 1_000_000 }, { userRate: 1_000_000 }, { maxConcurrentDownloads: 3 }])(
    '422 not-deliverable for users with %o and for their tokens, from the next request on, until it is taken back',
    async (limits) => {
      const { token } = await mint(user, file.id);
      const byToken = (headers: Record<string, string> = {}) =>
        own.anonymous.send(`/download/${file.id}?token=${token}`, { headers });
      const [name = ''] = Object.keys(limits);
      const path = `/api/v1/users/${account.id}`;
      expect((await own.admin.patch(path, { limits })).status).toBe(200);
      for (const headers of REQUESTS) {
        expectProblem(await user.download(file.id, headers), 422, 'not-deliverable');
        expectProblem(await byToken(headers), 422, 'not-deliverable');
      }
      expect((await user.download(file.id, {}, 'HEAD')).status).toBe(422);
      // A refusal spends nothing and leaves nothing open.
      expect(await seed.redis.keys('slots:*')).toEqual([]);
      expect((await own.admin.patch(path, { limits: { [name]: null } })).status).toBe(200);
      expect((await user.download(file.id)).status).toBe(302);
      expect((await byToken()).status).toBe(302);
    },
  );
});
