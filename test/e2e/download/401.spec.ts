import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createKey } from '../../harness/accounts.js';
import { expectProblem } from '../../harness/api.js';
import { MODES, useWorld } from '../../harness/world.js';

describe.each(MODES)('GET /download/:fileId → 401 (%s)', (mode) => {
  const world = useWorld(mode);

  it('no credentials: alike for a private, a deleted and an unknown file', async () => {
    const file = await world.owner.upload(randomBytes(10));
    const deleted = await world.owner.upload(randomBytes(10));
    await world.owner.send(`/api/v1/files/${deleted.id}`, { method: 'DELETE' });
    const documents = [];
    for (const id of [file.id, deleted.id, '9000000000000000000']) {
      const answer = await world.anonymous.download(id);
      expectProblem(answer, 401, 'unauthenticated');
      documents.push({ ...(answer.json as object), instance: '', requestId: '' });
    }
    expect(documents[1]).toEqual(documents[0]);
    expect(documents[2]).toEqual(documents[0]);
  });

  it('wrong credentials are refused on a public file too', async () => {
    const file = await world.owner.upload(randomBytes(10), { visibility: 'public' });
    expectProblem(await world.anonymous.as('nonsense').download(file.id), 401, 'unauthenticated');
    expectProblem(
      await world.anonymous.download(file.id, { Authorization: 'Basic YTpi' }),
      401,
      'unauthenticated',
    );
    expectProblem(await world.anonymous.download(file.id, { 'X-API-Key': 'x' }), 401, 'unauthenticated');
  });

  it('a JWT or an API key in the query is no credential', async () => {
    const file = await world.owner.upload(randomBytes(10));
    const { key } = await createKey(world.owner);
    for (const text of [world.owner.token ?? '', key]) {
      expectProblem(await world.anonymous.send(`/download/${file.id}?token=${text}`), 403, 'token-invalid');
    }
  });

  it('after logout, at the next request', async () => {
    const file = await world.owner.upload(randomBytes(10));
    const session = await world.anonymous.login(world.ownerAccount.email, world.ownerAccount.password);
    expect((await session.download(file.id)).status).toBe(200);
    expect((await session.send('/api/v1/auth/logout', { method: 'POST' })).status).toBe(204);
    expectProblem(await session.download(file.id), 401, 'unauthenticated');
    expect((await world.owner.download(file.id)).status).toBe(200);
  });
});
