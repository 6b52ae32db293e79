import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { expectProblem } from '../../harness/api.js';
import { MODES, useWorld } from '../../harness/world.js';

describe.each(MODES)('GET /download/:fileId → 404 (%s)', (mode) => {
  const world = useWorld(mode);

  it('an unknown file and one that the caller may not see look alike', async () => {
    const file = await world.owner.upload(randomBytes(10));
    const documents = [];
    for (const id of ['9000000000000000000', file.id]) {
      const answer = await world.member.download(id);
      expectProblem(answer, 404, 'file-not-found');
      documents.push({ ...(answer.json as object), instance: '', requestId: '' });
    }
    expect(documents[1]).toEqual(documents[0]);
  });

  it('another tenant’s file, public or not, for its admins too', async () => {
    for (const visibility of ['private', 'tenant', 'public']) {
      const file = await world.owner.upload(randomBytes(10), { visibility });
      expectProblem(await world.foreign.download(file.id), 404, 'file-not-found');
      expectProblem(await world.foreignAdmin.download(file.id), 404, 'file-not-found');
    }
  });

  it('an expired grant, and one to somebody else', async () => {
    const file = await world.owner.upload(randomBytes(10));
    await world.seed.grant(
      file.id,
      { userId: world.memberAccount.id },
      'download',
      new Date(Date.now() - 1_000),
    );
    await world.seed.grant(file.id, { role: 'admin' }, 'download');
    expectProblem(await world.member.download(file.id), 404, 'file-not-found');
  });

  it('a deleted file for those who never saw it', async () => {
    const file = await world.owner.upload(randomBytes(10));
    await world.owner.send(`/api/v1/files/${file.id}`, { method: 'DELETE' });
    expectProblem(await world.member.download(file.id), 404, 'file-not-found');
    expectProblem(await world.foreign.download(file.id), 404, 'file-not-found');
  });

  it('a suspended tenant’s public file', async () => {
    const tenantId = await world.seed.tenant();
    const account = await world.seed.user(tenantId);
    const user = await world.anonymous.login(account.email, account.password);
    const file = await user.upload(randomBytes(10), { visibility: 'public' });
    expect((await world.anonymous.download(file.id)).status).toBe(200);
    await world.operator.patch(`/api/v1/tenants/${tenantId}`, { suspended: true });
    expectProblem(await world.anonymous.download(file.id), 401, 'unauthenticated');
    expectProblem(await user.download(file.id), 401, 'unauthenticated');
  });
});
