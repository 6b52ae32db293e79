import { randomBytes } from 'node:crypto';
import { readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Api, expectProblem, type FileJson, patiently } from '../../harness/api.js';
import { type AuditEntry, SELECT_AUDIT } from '../../harness/audit.js';
import type { Answer } from '../../harness/http.js';
import { storeClient, BUCKET } from '../../harness/objects.js';
import { HAS_MINIO } from '../../harness/stores.js';
import { useWorld } from '../../harness/world.js';

describe('POST /api/v1/files/:id/verify', () => {
  const world = useWorld();

  // Each replica does one at a time, and other suites use this one too.
  const verify = (api: Api, id: string): Promise<Answer> =>
    patiently(() => api.send(`/api/v1/files/${id}/verify`, { method: 'POST' }));
  const placeOf = async ({ id }: FileJson): Promise<string> => {
    const [row] = await world.seed.query<{ path: string }>(
      'SELECT b.storage_path AS path FROM files f JOIN blobs b ON b.id = f.blob_id WHERE f.id = $1',
      [id],
    );
    return row?.path ?? '';
  };
  const onDisk = async (file: FileJson) => join(world.stack.dataDir, 'blobs', await placeOf(file));
  const alerts = async (id: string) => {
    const log = await readFile(join(world.stack.dataDir, 'log/app.log'), 'utf8');
    return log
      .split('\n')
      .filter((line) => line.includes('"code":"content-missing"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ fileId }) => fileId === id);
  };

  it.each([0, 1, 8_000_000])('200: intact, of %i bytes; audited', async (size) => {
    const file = await world.owner.upload(randomBytes(size));
    const answer = await verify(world.admin, file.id);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.json).toEqual({
      fileId: file.id,
      verdict: 'intact',
      size,
      sha256: file.sha256,
      foundSize: size,
      foundSha256: file.sha256,
      verifiedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as unknown,
    });
    const [entry] = await world.seed.query<AuditEntry & Record<string, unknown>>(
      `${SELECT_AUDIT} WHERE action = 'file.verify' AND object_id = $1`,
      [file.id],
    );
    expect(entry).toMatchObject({
      tenantId: world.tenantId,
      actorId: world.adminAccount.id,
      outcome: 'ok',
      objectKind: 'file',
      requestId: answer.headers['x-request-id'],
      detail: { verdict: 'intact', foundSize: size, foundSha256: file.sha256 },
    });
    const listed = await world.admin.send(
      `/api/v1/audit?action=file.verify&objectKind=file&objectId=${file.id}`,
    );
    expect((listed.json as { items: unknown[] }).items).toHaveLength(1);
    expect(await alerts(file.id)).toEqual([]);
  });

  it.each([
    ['missing', (path: string) => unlink(path), null],
    ['size-differs', (path: string) => truncate(path, 49_999), 49_999],
    ['hash-differs', (path: string) => writeFile(path, randomBytes(50_000)), 50_000],
  ])('200: %s, and an error in the log that says where', async (verdict, harm, foundSize) => {
    const file = await world.owner.upload(randomBytes(50_000));
    await harm(await onDisk(file));
    const answer = await verify(world.admin, file.id);
    expect(answer.status).toBe(200);
    const found = answer.json as { foundSha256: string | null };
    expect(found).toMatchObject({ verdict, size: 50_000, sha256: file.sha256, foundSize });
    if (verdict === 'hash-differs') expect(found.foundSha256).toMatch(/^[0-9a-f]{64}$/);
    else expect(found.foundSha256).toBeNull();
    expect(found.foundSha256).not.toBe(file.sha256);
    expect(await alerts(file.id)).toMatchObject([
      {
        level: 'error',
        verdict,
        volume: 'local',
        storagePath: await placeOf(file),
        tenantId: world.tenantId,
      },
    ]);
    const rows = await world.seed.query(
      `SELECT detail->>'verdict' AS verdict FROM audit_log WHERE action = 'file.verify' AND object_id = $1`,
      [file.id],
    );
    expect(rows).toEqual([{ verdict }]);
  });

  it.skipIf(!HAS_MINIO)('200: intact, hash-differs and missing in a bucket', async () => {
    const bytes = randomBytes(6_000_000);
    const file = await world.admin.upload(bytes, { volume: 's3' });
    expect((await verify(world.admin, file.id)).json).toMatchObject({ verdict: 'intact' });
    const client = storeClient(world.stack.store);
    const key = await placeOf(file);
    await client.putObject(BUCKET, key, randomBytes(6_000_000));
    expect((await verify(world.admin, file.id)).json).toMatchObject({ verdict: 'hash-differs' });
    await client.putObject(BUCKET, key, randomBytes(6_000_001));
    expect((await verify(world.admin, file.id)).json).toMatchObject({ verdict: 'size-differs' });
    await client.removeObject(BUCKET, key);
    expect((await verify(world.admin, file.id)).json).toMatchObject({ verdict: 'missing', foundSize: null });
  });

  it('200: an operator, of a file of the own tenant; an expired file too', async () => {
    const file = await world.operator.upload(randomBytes(10));
    await world.seed.expireFile(file.id);
    expect((await verify(world.operator, file.id)).json).toMatchObject({ verdict: 'intact' });
  });

  it.each(['0', '-1', 'x', '9223372036854775808', '1.5', '%31x'])('400: the id %s', async (id) => {
    expectProblem(await verify(world.admin, id), 400, 'validation-failed');
  });

  it('404: another tenant’s file, for its admins and operators too; 410: a deleted one', async () => {
    const file = await world.owner.upload(randomBytes(10), { visibility: 'public' });
    for (const caller of [world.foreignAdmin, world.operator])
      expectProblem(await verify(caller, file.id), 404, 'file-not-found');
    expectProblem(await verify(world.admin, '9223372036854775807'), 404, 'file-not-found');
    await world.owner.delete(`/api/v1/files/${file.id}`);
    expectProblem(await verify(world.admin, file.id), 410, 'file-gone');
  });
});
