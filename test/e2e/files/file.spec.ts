import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { expectProblem } from '../../harness/api.js';
import { useWorld } from '../../harness/world.js';

const UNKNOWN = '9000000000000000000';

describe('GET /api/v1/files/:id', () => {
  const world = useWorld();
  const get = (id: string) => `/api/v1/files/${id}`;

  it('200: what the upload answered', async () => {
    const file = await world.owner.upload(randomBytes(10), { filename: 'x.bin', visibility: 'tenant' });
    for (const api of [world.owner, world.member, world.admin]) {
      const answer = await api.send(get(file.id));
      expect(answer.status).toBe(200);
      expect(answer.json).toEqual(file);
      expect(answer.headers['cache-control']).toBe('private, no-cache');
    }
  });

  it('401: anonymous callers, for a public file and an unknown one too', async () => {
    const file = await world.owner.upload(randomBytes(10), { visibility: 'public' });
    expectProblem(await world.anonymous.send(get(file.id)), 401, 'unauthenticated');
    expectProblem(await world.anonymous.send(get(UNKNOWN)), 401, 'unauthenticated');
  });

  it('404: unknown, not to be seen, of another tenant', async () => {
    const file = await world.owner.upload(randomBytes(10));
    const shared = await world.owner.upload(randomBytes(10), { visibility: 'public' });
    expectProblem(await world.owner.send(get(UNKNOWN)), 404, 'file-not-found');
    expectProblem(await world.member.send(get(file.id)), 404, 'file-not-found');
    expectProblem(await world.foreign.send(get(shared.id)), 404, 'file-not-found');
    expectProblem(await world.foreignAdmin.send(get(shared.id)), 404, 'file-not-found');
  });

  it('400: a malformed id', async () => {
    for (const id of ['x', '0', '-1', '1;drop', '9223372036854775808']) {
      expectProblem(await world.owner.send(get(id)), 400, 'validation-failed');
    }
  });

  it('an expired file is still seen by those who manage it, and gone for others', async () => {
    const file = await world.owner.upload(randomBytes(10), { visibility: 'tenant' });
    await world.seed.expireFile(file.id);
    expect((await world.owner.send(get(file.id))).status).toBe(200);
    expectProblem(await world.member.send(get(file.id)), 410, 'file-gone');
  });
});

describe('DELETE /api/v1/files/:id', () => {
  const world = useWorld();
  const path = (id: string) => `/api/v1/files/${id}`;
  const remove = { method: 'DELETE' };

  it('204: by its owner, its admin, or with a grant to manage; then 410', async () => {
    for (const api of [world.owner, world.admin, world.member]) {
      const file = await world.owner.upload(randomBytes(10));
      await world.seed.grant(file.id, { userId: world.memberAccount.id }, 'manage');
      const answer = await api.send(path(file.id), remove);
      expect(answer.status).toBe(204);
      expect(answer.body).toHaveLength(0);
      expectProblem(await api.send(path(file.id)), 410, 'file-gone');
      expectProblem(await api.send(path(file.id), remove), 410, 'file-gone');
    }
  });

  it('of ten at once one succeeds', async () => {
    const file = await world.owner.upload(randomBytes(10));
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => world.owner.send(path(file.id), remove)),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, ...Array<number>(9).fill(410)]);
  });

  it('403: seen, not managed', async () => {
    const file = await world.owner.upload(randomBytes(10), { visibility: 'tenant' });
    expectProblem(await world.member.send(path(file.id), remove), 403, 'forbidden');
    expect((await world.owner.download(file.id)).status).toBe(200);
  });

  it('404: not seen, of another tenant, unknown; 401 without credentials; 400 malformed', async () => {
    const file = await world.owner.upload(randomBytes(10));
    expectProblem(await world.member.send(path(file.id), remove), 404, 'file-not-found');
    expectProblem(await world.foreignAdmin.send(path(file.id), remove), 404, 'file-not-found');
    expectProblem(await world.owner.send(path(UNKNOWN), remove), 404, 'file-not-found');
    expectProblem(await world.anonymous.send(path(file.id), remove), 401, 'unauthenticated');
    expectProblem(await world.owner.send(path('x'), remove), 400, 'validation-failed');
    expect((await world.owner.download(file.id)).status).toBe(200);
  });

  it('the content stays for the other files that have it', async () => {
    const bytes = randomBytes(1_000);
    const [one, two] = [await world.owner.upload(bytes), await world.member.upload(bytes)];
    await world.owner.send(path(one.id), remove);
    expect((await world.member.download(two.id)).body.equals(bytes)).toBe(true);
  });
});
