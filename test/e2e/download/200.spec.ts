import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MODES, useWorld } from '../../harness/world.js';

describe.each(MODES)('GET /download/:fileId → 200 (%s)', (mode) => {
  const world = useWorld(mode);
  const bytes = randomBytes(100_000);
  const sha256 = createHash('sha256').update(bytes);
  const digest = sha256.copy();

  it('sends the bytes with every header that a client builds on', async () => {
    const file = await world.owner.upload(bytes, {
      filename: 'отчёт 100% "final".bin',
      type: 'application/pdf',
    });
    const answer = await world.owner.download(file.id);

    expect(answer.status).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
    expect(answer.headers).toMatchObject({
      'content-length': '100000',
      'content-type': 'application/pdf',
      'content-disposition': `attachment; filename="_____ 100_ _final_.bin"; filename*=UTF-8''%D0%BE%D1%82%D1%87%D1%91%D1%82%20100%25%20%22final%22.bin`,
      etag: `"${sha256.copy().digest('hex')}"`,
      'last-modified': new Date(Math.floor(Date.parse(file.createdAt) / 1000) * 1000).toUTCString(),
      'accept-ranges': 'bytes',
      'repr-digest': `sha-256=:${digest.copy().digest('base64')}:`,
      'cache-control': 'private, no-cache',
      vary: 'Authorization, X-API-Key',
      'x-content-type-options': 'nosniff',
    });
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('x-accel'))).toEqual([]);
    const names = answer.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
    expect(names).toEqual([...new Set(names)]);
  });

  it('HEAD: the same headers, no bytes', async () => {
    const file = await world.owner.upload(bytes);
    const [get, head] = await Promise.all([
      world.owner.download(file.id),
      world.owner.download(file.id, {}, 'HEAD'),
    ]);
    // HEAD begins no download.
    const begun = { 'set-cookie': '', 'x-download-id': '' };
    const comparable = ({ headers }: typeof get) => ({ ...headers, ...begun, date: '', 'x-request-id': '' });
    expect(head.status).toBe(200);
    expect(head.body).toHaveLength(0);
    expect(comparable(head)).toEqual(comparable(get));
  });

  it('an empty file', async () => {
    const file = await world.owner.upload(Buffer.alloc(0));
    for (const range of [undefined, 'bytes=0-', 'bytes=0-0', 'bytes=-1']) {
      const answer = await world.owner.download(file.id, range === undefined ? {} : { Range: range });
      expect(answer.status, range).toBe(200);
      expect(answer.headers['content-length']).toBe('0');
    }
  });

  it.each(['bytes=5-3', 'bytes=', 'bytes=a-b', 'lines=1-2', 'bytes=0-1;2-3', 'bytes=0-99999,0-0'])(
    'Range: %s is ignored',
    async (range) => {
      const file = await world.owner.upload(bytes);
      const answer = await world.owner.download(file.id, { Range: range });
      expect(answer.status).toBe(200);
      expect(answer.body.equals(bytes)).toBe(true);
      expect(answer.headers['accept-ranges']).toBe('bytes');
    },
  );

  it('too many ranges are ignored', async () => {
    const file = await world.owner.upload(bytes);
    const range = `bytes=${Array.from({ length: 500 }, (_, at) => `${at * 2}-${at * 2}`).join(',')}`;
    const answer = await world.owner.download(file.id, { Range: range });
    expect(answer.status).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
  });

  it.each([
    ['another tag', '"0000"'],
    ['a weak tag', 'W/'],
    ['another date', 'Sat, 21 Nov 2020 10:00:00 GMT'],
    ['nonsense', 'x'],
  ])('If-Range with %s: everything, although a range was asked for', async (_name, ifRange) => {
    const file = await world.owner.upload(bytes);
    const value = ifRange === 'W/' ? `W/"${file.sha256}"` : ifRange;
    const answer = await world.owner.download(file.id, { Range: 'bytes=10-19', 'If-Range': value });
    expect(answer.status).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
  });

  it('conditions that hold do not stand in the way', async () => {
    const file = await world.owner.upload(bytes);
    const { headers } = await world.owner.download(file.id, {}, 'HEAD');
    for (const condition of [
      { 'If-Match': headers.etag ?? '' },
      { 'If-Match': '*' },
      { 'If-Unmodified-Since': headers['last-modified'] ?? '' },
      { 'If-None-Match': '"x"' },
      { 'If-None-Match': '"x"', 'If-Modified-Since': headers['last-modified'] ?? '' },
      { 'If-Modified-Since': 'Sat, 21 Nov 2020 10:00:00 GMT' },
    ]) {
      const answer = await world.owner.download(file.id, condition);
      expect(answer.status, JSON.stringify(condition)).toBe(200);
      expect(answer.body.equals(bytes)).toBe(true);
      expect(answer.headers.etag).toBe(headers.etag);
    }
  });

  it('a public file needs no credentials and may be cached by anyone who asks again', async () => {
    const file = await world.owner.upload(bytes, { visibility: 'public' });
    const answer = await world.anonymous.download(file.id);
    expect(answer.status).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
    expect(answer.headers['cache-control']).toBe('public, no-cache');
    expect(answer.headers.vary).toBeUndefined();
  });

  it('a file of the tenant for its members; a private one for its owner, admins and those with a grant', async () => {
    const shared = await world.owner.upload(randomBytes(10), { visibility: 'tenant' });
    const secret = await world.owner.upload(randomBytes(10));
    expect((await world.member.download(shared.id)).status).toBe(200);
    expect((await world.admin.download(secret.id)).status).toBe(200);
    expect((await world.member.download(secret.id)).status).toBe(404);
    await world.seed.grant(secret.id, { userId: world.memberAccount.id }, 'download');
    expect((await world.member.download(secret.id)).status).toBe(200);
  });
});
