import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MODES, useWorld } from '../../harness/world.js';

describe.each(MODES)('GET /download/:fileId → 304 (%s)', (mode) => {
  const world = useWorld(mode);

  it.each([
    ['our tag', (etag: string) => ({ 'If-None-Match': etag })],
    ['our tag, weak', (etag: string) => ({ 'If-None-Match': `W/${etag}` })],
    ['our tag in a list', (etag: string) => ({ 'If-None-Match': `"x", ${etag}` })],
    ['any', () => ({ 'If-None-Match': '*' })],
    ['our date', (_: string, date: string) => ({ 'If-Modified-Since': date })],
    [
      'our tag and a range outside the file',
      (etag: string) => ({ 'If-None-Match': etag, Range: 'bytes=999-' }),
    ],
    ['our tag in both', (etag: string) => ({ 'If-None-Match': etag, 'If-Match': etag })],
  ])('%s', async (_name, condition) => {
    const file = await world.owner.upload(randomBytes(100));
    const { headers } = await world.owner.download(file.id, {}, 'HEAD');
    for (const method of ['GET', 'HEAD']) {
      const answer = await world.owner.download(
        file.id,
        condition(headers.etag ?? '', headers['last-modified'] ?? ''),
        method,
      );
      expect(answer.status).toBe(304);
      expect(answer.body).toHaveLength(0);
      expect(answer.headers).toMatchObject({
        etag: headers.etag,
        'last-modified': headers['last-modified'],
        'cache-control': 'private, no-cache',
        vary: 'Authorization, X-API-Key',
      });
    }
  });
});
