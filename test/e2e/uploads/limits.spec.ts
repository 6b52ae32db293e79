import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Api, expectProblem } from '../../harness/api.js';
import { expectUsageIsRight, untilServed } from '../../harness/storage-usage.js';
import {
  beginUpload,
  completed,
  completeUpload,
  getUpload,
  MEBIBYTE,
  putChunks,
  sha256Of,
  uploadInChunks,
} from '../../harness/uploads.js';
import { useWorld } from '../../harness/world.js';

describe('quotas of uploads in parts', () => {
  const world = useWorld();

  const newcomer = async (quotaBytes: number) => {
    const tenantId = await world.seed.tenant();
    const account = await world.seed.user(tenantId);
    const api = await world.anonymous.login(account.email, account.password);
    const limit = (bytes: number | null) =>
      world.operator.patch(`/api/v1/users/${account.id}`, { limits: { quotaBytes: bytes } });
    expect((await limit(quotaBytes)).status).toBe(200);
    return { tenantId, api, limit };
  };
  const usageOf = async (api: Api) =>
    (await api.send('/api/v1/auth/usage')).json as Record<string, number | null>;
  const begin = (api: Api, size: number) => api.post('/api/v1/uploads', { filename: 'a', size });
  const form = (api: Api, size: number) =>
    api.sendForm([{ name: 'file', value: randomBytes(size), filename: 'a' }]);

  it('50 creations and 20 forms at once: what is reserved and what is published never exceed the quota together', async () => {
    const { api, tenantId } = await newcomer(1_000_000);
    const answers = await Promise.all([
      ...Array.from({ length: 50 }, () => untilServed(() => begin(api, 90_000))),
      ...Array.from({ length: 20 }, () => untilServed(() => form(api, 90_000))),
    ]);
    for (const answer of answers) if (answer.status !== 201) expectProblem(answer, 507, 'quota-exceeded');
    const taken = answers.filter(({ status }) => status === 201).length;
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThanOrEqual(11);
    const { usedBytes, reservedBytes } = await usageOf(api);
    // A creation that was too late may have left its session: then that has the room until it expires.
    expect(Number(usedBytes) + Number(reservedBytes)).toBe(990_000);
    await expectUsageIsRight(world.seed, [tenantId]);
  });

  it('a completion moves what was reserved to what is used, an abortion releases it', async () => {
    const { api, tenantId, limit } = await newcomer(5 * MEBIBYTE);
    const bytes = randomBytes(3 * MEBIBYTE);
    const upload = await beginUpload(api, { size: bytes.length, chunkSize: 2 * MEBIBYTE });
    expect(await usageOf(api)).toMatchObject({ usedBytes: 0, reservedBytes: 3 * MEBIBYTE });
    expectProblem(await begin(api, 3 * MEBIBYTE), 507, 'quota-exceeded');
    const other = await beginUpload(api, { size: 2 * MEBIBYTE });
    expectProblem(await form(api, 1), 507, 'quota-exceeded');
    expect((await api.delete(`/api/v1/uploads/${other.uploadId}`)).status).toBe(204);
    expect((await form(api, 1)).status).toBe(201);
    // What has begun may end, also when there would be no room for it any more.
    expect((await limit(1)).status).toBe(200);
    await putChunks(api, upload, bytes);
    await completed(api, upload);
    expect(await usageOf(api)).toEqual({ usedBytes: 3 * MEBIBYTE + 1, reservedBytes: 0, quotaBytes: 1 });
    expect((await completeUpload(api, upload)).status).toBe(200);
    expect(await usageOf(api)).toMatchObject({ usedBytes: 3 * MEBIBYTE + 1, reservedBytes: 0 });
    await expectUsageIsRight(world.seed, [tenantId]);
  });

  it('one that has failed takes no room', async () => {
    const { api, tenantId } = await newcomer(MEBIBYTE);
    const bytes = randomBytes(MEBIBYTE);
    const upload = await beginUpload(api, { size: bytes.length, sha256: sha256Of(Buffer.from('others')) });
    await putChunks(api, upload, bytes);
    expectProblem(await completeUpload(api, upload), 422, 'digest-mismatch');
    expect(await usageOf(api)).toMatchObject({ usedBytes: 0, reservedBytes: 0 });
    expect((await form(api, MEBIBYTE)).status).toBe(201);
    await expectUsageIsRight(world.seed, [tenantId]);
  });

  it('eight completions of one upload at once count it once', async () => {
    const { api, tenantId } = await newcomer(MEBIBYTE);
    const bytes = randomBytes(MEBIBYTE);
    const upload = await beginUpload(api, { size: bytes.length });
    await putChunks(api, upload, bytes);
    const answers = await Promise.all(Array.from({ length: 8 }, () => completeUpload(api, upload)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(await usageOf(api)).toMatchObject({ usedBytes: MEBIBYTE, reservedBytes: 0 });
    expect(await expectUsageIsRight(world.seed, [tenantId])).toBe(2);
  });

  it('the file says what its content looks like, whatever was claimed', async () => {
    const { api } = await newcomer(5 * MEBIBYTE);
    const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(2 * MEBIBYTE)]);
    const file = await uploadInChunks(api, bytes, { contentType: 'image/png' });
    expect(file).toMatchObject({ contentType: 'image/png', detectedType: 'application/pdf' });
  });

  it('a quota of 0 takes no upload, not even of nothing', async () => {
    const { api } = await newcomer(0);
    expectProblem(await begin(api, 0), 507, 'quota-exceeded');
    expect((await usageOf(api)).reservedBytes).toBe(0);
  });

  it('a size that is none reserves nothing', async () => {
    const { api } = await newcomer(MEBIBYTE);
    for (const size of [-1, 1.5, '7', null, 2 ** 53])
      expectProblem(await api.post('/api/v1/uploads', { filename: 'a', size }), 400, 'validation-failed');
    const upload = await beginUpload(api, { size: 0 });
    expect((await getUpload(api, upload)).chunkCount).toBe(0);
    expect(await usageOf(api)).toMatchObject({ usedBytes: 0, reservedBytes: 0 });
  });
});
