import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem, multipart } from '../../harness/api.js';
import type { Answer } from '../../harness/http.js';
import type { SeededUser } from '../../harness/seed.js';
import { expectUsageIsRight, untilServed } from '../../harness/storage-usage.js';
import { useWorld } from '../../harness/world.js';

const KIB = 1_024;
const FILE = 10 * KIB;

describe('quotas', () => {
  const world = useWorld();

  /** A tenant of the test's own, with that quota. */
  const newTenant = async (quotaBytes: number | null = null) => {
    const id = await world.seed.tenant();
    if (quotaBytes !== null) expect((await limitTenant(id, quotaBytes)).status).toBe(200);
    return id;
  };
  const newcomer = async (tenantId: string, role: 'user' | 'admin' = 'user') => {
    const account = await world.seed.user(tenantId, role);
    return { account, api: await world.anonymous.login(account.email, account.password) };
  };
  const limitTenant = (id: string, quotaBytes: number | null) =>
    world.operator.patch(`/api/v1/tenants/${id}`, { quotaBytes });
  const limit = async ({ id }: SeededUser, quotaBytes: number | null) => {
    const answer = await world.operator.patch(`/api/v1/users/${id}`, { limits: { quotaBytes } });
    expect(answer.status, answer.text).toBe(200);
  };
  const send = (api: Api, value: Buffer | string) =>
    api.sendForm([{ name: 'file', value, filename: 'a.bin' }]);
  const many = (count: number, api: (at: number) => Api): Promise<Answer[]> =>
    Promise.all(
      Array.from({ length: count }, (_, at) => untilServed(() => send(api(at), randomBytes(FILE)))),
    );
  const counts = (answers: readonly Answer[]) => {
    for (const answer of answers) if (answer.status !== 201) expectProblem(answer, 507, 'quota-exceeded');
    return answers.filter(({ status }) => status === 201).length;
  };
  const usageOf = async (api: Api) =>
    (await api.send('/api/v1/auth/usage')).json as Record<string, number | null>;
  const tenantOf = async (id: string) =>
    (await world.operator.send(`/api/v1/tenants/${id}`)).json as Record<string, number | null>;
  const detailOf = (answer: Answer) => (answer.json as { detail: string }).detail;

  /** Objects and unfinished writes of the tenant. */
  const stored = async (tenantId: string) => {
    const root = join(world.stack.dataDir, 'blobs');
    const entries = await readdir(join(root, tenantId), { recursive: true, withFileTypes: true }).catch(
      () => [],
    );
    const unfinished = await readdir(join(root, '.tmp')).catch(() => []);
    return {
      objects: entries.filter((entry) => entry.isFile()).length,
      unfinished: unfinished.filter((name) => name.startsWith(`${tenantId}-`)).length,
      pending: (await world.seed.query('SELECT FROM pending_objects WHERE tenant_id = $1', [tenantId]))
        .length,
    };
  };

  it('50 forms at once against room for 7: 7 files, 43 times 507, and nothing is left of those', async () => {
    const tenantId = await newTenant();
    const { account, api } = await newcomer(tenantId);
    await limit(account, 7 * FILE + FILE - 1);
    expect(counts(await many(50, () => api))).toBe(7);
    expect(await usageOf(api)).toEqual({
      usedBytes: 7 * FILE,
      reservedBytes: 0,
      quotaBytes: 8 * FILE - 1,
    });
    expect(await stored(tenantId)).toEqual({ objects: 7, unfinished: 0, pending: 0 });
    expect(await expectUsageIsRight(world.seed, [tenantId])).toBe(2);
  });

  it('50 forms of ten users at once against their tenant’s room for 7; a tenant beside it has nothing to do with it', async () => {
    const [full, other] = [await newTenant(7 * FILE), await newTenant(20 * FILE)];
    const people = await Promise.all(Array.from({ length: 10 }, () => newcomer(full)));
    const neighbour = await newcomer(other);
    const [here, there] = await Promise.all([
      many(50, (at) => people[at % 10]?.api ?? neighbour.api),
      many(20, () => neighbour.api),
    ]);
    expect(counts(here)).toBe(7);
    expect(counts(there)).toBe(20);
    expect(await tenantOf(full)).toMatchObject({
      usedBytes: 7 * FILE,
      reservedBytes: 0,
      quotaBytes: 7 * FILE,
    });
    expect(await tenantOf(other)).toMatchObject({ usedBytes: 20 * FILE });
    expect(await stored(full)).toEqual({ objects: 7, unfinished: 0, pending: 0 });
    await expectUsageIsRight(world.seed, [full, other]);
  });

  it('says whose quota it is and what is left; the numbers of a tenant only to its admins', async () => {
    const tenantId = await newTenant(1_000);
    const [user, admin] = [await newcomer(tenantId), await newcomer(tenantId, 'admin')];
    expect((await send(user.api, randomBytes(600))).status).toBe(201);
    expect(detailOf(await send(user.api, randomBytes(401)))).toBe(
      'Your tenant has no room for it: ask an admin.',
    );
    expect(detailOf(await send(admin.api, randomBytes(401)))).toBe(
      'The files of the tenant may have 1000 bytes together, unfinished uploads included: 400 are left.',
    );
    await limit(user.account, 700);
    expect(detailOf(await send(user.api, randomBytes(401)))).toBe(
      'Your files may have 700 bytes together, unfinished uploads included: 100 are left.',
    );
    expect((await send(user.api, randomBytes(100))).status).toBe(201);
  });

  it('counts a file with its size, also where its content is stored only once; what is deleted makes room', async () => {
    const tenantId = await newTenant();
    const { account, api } = await newcomer(tenantId);
    await limit(account, 2 * FILE);
    const bytes = randomBytes(FILE);
    const files = [await api.upload(bytes), await api.upload(bytes)];
    expectProblem(await send(api, bytes), 507, 'quota-exceeded');
    expect((await stored(tenantId)).objects).toBe(1);
    // What changes nothing of the content changes nothing of the usage.
    expect((await api.patch(`/api/v1/files/${files[0]?.id ?? ''}`, { filename: 'b.bin' })).status).toBe(200);
    await expectUsageIsRight(world.seed, [tenantId]);
    const deletions = await Promise.all(
      Array.from({ length: 4 }, () => api.delete(`/api/v1/files/${files[0]?.id ?? ''}`)),
    );
    expect(deletions.filter(({ status }) => status === 204)).toHaveLength(1);
    expect((await usageOf(api)).usedBytes).toBe(FILE);
    expect((await send(api, bytes)).status).toBe(201);
    await expectUsageIsRight(world.seed, [tenantId]);
  });

  it('of an admin who deletes another’s file: the owner’s room', async () => {
    const tenantId = await newTenant();
    const [user, admin] = [await newcomer(tenantId), await newcomer(tenantId, 'admin')];
    const { id } = await user.api.upload(randomBytes(FILE));
    expect((await admin.api.delete(`/api/v1/files/${id}`)).status).toBe(204);
    expect((await usageOf(user.api)).usedBytes).toBe(0);
    expect(await expectUsageIsRight(world.seed, [tenantId])).toBe(0);
  });

  it('a quota of 0 takes nothing, not even an empty file; null takes it back, from the next request on', async () => {
    const tenantId = await newTenant();
    const { account, api } = await newcomer(tenantId);
    await limit(account, 0);
    expectProblem(await send(api, ''), 507, 'quota-exceeded');
    expect((await usageOf(api)).quotaBytes).toBe(0);
    await limit(account, null);
    expect((await usageOf(api)).quotaBytes).toBeNull();
    await api.upload(randomBytes(FILE));
    // Less than there is already: nothing more comes, but an empty file does, and what is there stays.
    await limit(account, 1);
    expectProblem(await send(api, 'x'), 507, 'quota-exceeded');
    expect((await send(api, '')).status).toBe(201);
    expect((await limitTenant(tenantId, 0)).status).toBe(200);
    await limit(account, null);
    expectProblem(await send(api, ''), 507, 'quota-exceeded');
    expect(await stored(tenantId)).toMatchObject({ unfinished: 0, pending: 0 });
  });

  describe('what is too much already', () => {
    let person: { account: SeededUser; api: Api };
    let tenantId: string;
    beforeAll(async () => {
      tenantId = await newTenant();
      person = await newcomer(tenantId);
      await limit(person.account, 100 * KIB);
    });

    it('507 by its Content-Length, before it is read', async () => {
      const answer = await new Promise<string>((resolve, reject) => {
        const socket = connect(Number(new URL(world.stack.publicUrl).port), '127.0.0.1');
        socket.write(
          `POST /api/v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${person.api.token ?? ''}\r\n` +
            `Content-Type: multipart/form-data; boundary=x\r\nContent-Length: ${200 * KIB}\r\n\r\n`,
        );
        socket.once('data', (chunk) => {
          resolve(chunk.toString());
          socket.destroy();
        });
        socket.on('error', reject);
      });
      expect(answer).toMatch(/^HTTP\/1.1 507 /);
    });

    it('507 without a Content-Length: no more is stored than there is room for', async () => {
      const { body, headers } = multipart([{ name: 'file', value: randomBytes(2 ** 20), filename: 'x' }]);
      const answer = await person.api.via(world.stack.appUrl).send('/api/v1/files', {
        method: 'POST',
        body: Readable.from([body.subarray(0, 500_000), body.subarray(500_000)]),
        headers: { 'Content-Type': headers['Content-Type'], 'Transfer-Encoding': 'chunked' },
      });
      expectProblem(answer, 507, 'quota-exceeded');
      expect(detailOf(answer)).toContain(`${100 * KIB} are left`);
      expect(await stored(tenantId)).toEqual({ objects: 0, unfinished: 0, pending: 0 });
    });

    it('201 for exactly what is left, with or without a Content-Length', async () => {
      const { body, headers } = multipart([{ name: 'file', value: randomBytes(90 * KIB), filename: 'x' }]);
      const answer = await person.api.via(world.stack.appUrl).send('/api/v1/files', {
        method: 'POST',
        body: Readable.from([body]),
        headers: { 'Content-Type': headers['Content-Type'], 'Transfer-Encoding': 'chunked' },
      });
      expect(answer.status, answer.text).toBe(201);
      await person.api.upload(randomBytes(10 * KIB));
      expectProblem(await send(person.api, 'x'), 507, 'quota-exceeded');
    });
  });

  it('a quota is no limit of downloads: who has one may still get credentials of the store and redirects', async () => {
    const tenantId = await newTenant();
    const { account, api } = await newcomer(tenantId);
    await limit(account, 100 * KIB);
    const file = await api.upload(randomBytes(KIB));
    const answer = await api.post('/api/v1/storage/credentials', { fileIds: [file.id], ttl: 900 });
    // Not for the limits, but for the volume.
    expect(detailOf(answer)).not.toContain('limited');
    expect((await api.download(file.id)).status).toBe(200);
  });
});
