import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Api, expectProblem } from '../../harness/api.js';
import { useWorld } from '../../harness/world.js';

describe('PATCH /api/v1/files/:id', () => {
  const world = useWorld();
  const path = (id: string) => `/api/v1/files/${id}`;
  const patch = (api: Api, id: string, change: unknown, headers: Record<string, string> = {}) =>
    api.send(path(id), {
      method: 'PATCH',
      body: JSON.stringify(change),
      headers: { 'Content-Type': 'application/json', ...headers },
    });

  it('200: name, type, visibility, expiry; what is left out stays; the next request sees it', async () => {
    const bytes = randomBytes(1_000);
    const file = await world.owner.upload(bytes, { filename: 'old.txt', type: 'text/plain' });
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const changes = [
      { filename: 'новый "1".pdf' },
      { contentType: 'application/pdf' },
      { visibility: 'tenant' },
      { expiresAt },
    ];
    let expected: object = file;
    for (const change of changes) {
      const answer = await patch(world.owner, file.id, change);
      expect(answer.status, answer.text).toBe(200);
      expected = { ...expected, ...change, updatedAt: (answer.json as { updatedAt: string }).updatedAt };
      expect(answer.json).toEqual(expected);
      expect((await world.owner.send(path(file.id))).json).toEqual(expected);
    }
    const download = await world.member.download(file.id);
    expect(download.status).toBe(200);
    expect(download.headers['content-type']).toBe('application/pdf');
    expect(download.headers['content-disposition']).toContain(encodeURIComponent('новый "1".pdf'));
    expect((await patch(world.owner, file.id, { expiresAt: null })).json).toMatchObject({ expiresAt: null });
  });

  it('a change does not break a resume: the content is the same', async () => {
    const bytes = randomBytes(1_000);
    const file = await world.owner.upload(bytes);
    const before = await world.owner.download(file.id);
    await patch(world.owner, file.id, { filename: 'x', contentType: 'text/plain' });
    for (const ifRange of [before.headers.etag ?? '', before.headers['last-modified'] ?? '']) {
      const answer = await world.owner.download(file.id, { Range: 'bytes=500-', 'If-Range': ifRange });
      expect(answer.status).toBe(206);
      expect(answer.body.equals(bytes.subarray(500))).toBe(true);
    }
  });

  it('ETag and If-Match: of two who change the same version one gets 412; ETag and If-None-Match: 304', async () => {
    const file = await world.owner.upload(randomBytes(10));
    const { headers } = await world.owner.send(path(file.id));
    const etag = headers.etag ?? '';
    expect(etag).toMatch(/^"\d+-1"$/);
    expect(
      (await world.owner.send(path(file.id), { headers: { 'If-None-Match': `"x", W/${etag}` } })).status,
    ).toBe(304);

    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        patch(world.owner, file.id, { filename: `n${at}` }, { 'If-Match': etag }),
      ),
    );
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    for (const answer of answers)
      if (answer.status !== 200) expectProblem(answer, 412, 'precondition-failed');
    const now = won[0]?.headers.etag ?? '';
    expect(now).not.toBe(etag);
    expect((await world.owner.send(path(file.id), { headers: { 'If-None-Match': etag } })).status).toBe(200);
    expect((await patch(world.owner, file.id, { filename: 'y' }, { 'If-Match': `W/${now}` })).status).toBe(
      412,
    );
    expect((await patch(world.owner, file.id, { filename: 'y' }, { 'If-Match': `"x", ${now}` })).status).toBe(
      200,
    );
    expect((await patch(world.owner, file.id, { filename: 'z' }, { 'If-Match': '*' })).status).toBe(200);
  });

  it('the upload answers with the tag of its file', async () => {
    const answer = await world.owner.sendForm([{ name: 'file', value: 'x', filename: 'x' }]);
    const { id } = answer.json as { id: string };
    expect(answer.headers.etag).toBe(`"${id}-1"`);
  });

  it('closing a file is felt at the next request', async () => {
    const file = await world.owner.upload(randomBytes(10), { visibility: 'public' });
    expect((await world.anonymous.download(file.id)).status).toBe(200);
    await patch(world.owner, file.id, { visibility: 'tenant' });
    expectProblem(await world.anonymous.download(file.id), 401, 'unauthenticated');
    expect((await world.member.download(file.id)).status).toBe(200);
    await patch(world.owner, file.id, { visibility: 'private' });
    expectProblem(await world.member.download(file.id), 404, 'file-not-found');
  });

  it('an expired file is brought back by a longer life', async () => {
    const file = await world.owner.upload(randomBytes(10));
    await world.seed.expireFile(file.id);
    expectProblem(await world.owner.download(file.id), 410, 'file-gone');
    expect((await patch(world.owner, file.id, { expiresAt: null })).status).toBe(200);
    expect((await world.owner.download(file.id)).status).toBe(200);
  });

  it('403: seen, not managed; 404: not seen; 410: deleted; 401; 400', async () => {
    const shared = await world.owner.upload(randomBytes(10), { visibility: 'tenant' });
    const secret = await world.owner.upload(randomBytes(10));
    const change = { filename: 'x' };
    await world.seed.grant(shared.id, { userId: world.memberAccount.id }, 'download');
    expectProblem(await patch(world.member, shared.id, change), 403, 'forbidden');
    expectProblem(await patch(world.member, secret.id, change), 404, 'file-not-found');
    expectProblem(await patch(world.foreignAdmin, shared.id, change), 404, 'file-not-found');
    expectProblem(await patch(world.anonymous, shared.id, change), 401, 'unauthenticated');
    expectProblem(await patch(world.owner, 'x', change), 400, 'validation-failed');
    await world.owner.send(path(secret.id), { method: 'DELETE' });
    expectProblem(await patch(world.owner, secret.id, change), 410, 'file-gone');
  });

  it.each([
    [{}, undefined],
    [{ filename: '' }, 'filename'],
    [{ filename: '..' }, 'filename'],
    [{ filename: 'a/b' }, 'filename'],
    [{ filename: 'a\\b' }, 'filename'],
    [{ filename: 'a\nb' }, 'filename'],
    [{ filename: 'a\0b' }, 'filename'],
    [{ filename: '\ud800' }, 'filename'],
    [{ filename: 'x'.repeat(256) }, 'filename'],
    [{ filename: null }, 'filename'],
    [{ filename: 5 }, 'filename'],
    [{ contentType: 'text' }, 'contentType'],
    [{ contentType: 'text/html; charset=x' }, 'contentType'],
    [{ contentType: 'text/plain\r\nX: 1' }, 'contentType'],
    [{ contentType: null }, 'contentType'],
    [{ visibility: 'everyone' }, 'visibility'],
    [{ visibility: null }, 'visibility'],
    [{ expiresAt: 'tomorrow' }, 'expiresAt'],
    [{ expiresAt: '2027-01-01' }, 'expiresAt'],
    [{ expiresAt: '2027-02-30T00:00:00Z' }, 'expiresAt'],
    [{ expiresAt: '2027-01-01T00:00:00' }, 'expiresAt'],
    [{ expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
    [{ expiresAt: 1893456000 }, 'expiresAt'],
    [{ size: 1 }, 'size'],
    [{ ownerId: '1' }, 'ownerId'],
  ])('400: %j; nothing is changed', async (change, field) => {
    const file = await world.owner.upload(randomBytes(10));
    const answer = await patch(world.owner, file.id, change);
    expectProblem(answer, 400, 'validation-failed');
    if (field !== undefined)
      expect((answer.json as { errors: { field: string }[] }).errors[0]?.field).toBe(field);
    expect((await world.owner.send(path(file.id))).headers.etag).toBe(`"${file.id}-1"`);
  });
});
