import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FileJson } from '../../harness/api.js';
import { MODES, useWorld } from '../../harness/world.js';

describe.each(MODES)('GET /download/:fileId → 206 (%s)', (mode) => {
  const world = useWorld(mode);
  const bytes = randomBytes(300_000);
  let file: FileJson;

  beforeAll(async () => {
    file = await world.owner.upload(bytes, { type: 'text/plain' });
  });

  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=0-99', 0, 99],
    ['bytes=100-', 100, 299_999],
    ['bytes=-5', 299_995, 299_999],
    ['bytes=0-', 0, 299_999],
    ['bytes=-9999999', 0, 299_999],
    ['bytes=299999-400000', 299_999, 299_999],
    ['bytes=7-8,400000-', 7, 8],
    // nginx reads these otherwise, so the application sends them itself.
    ['bytes=10-99999999999999999999', 10, 299_999],
    ['bytes=,10-19,', 10, 19],
  ])('%s', async (range, first, last) => {
    const answer = await world.owner.download(file.id, { Range: range });
    expect(answer.status).toBe(206);
    expect(answer.body.equals(bytes.subarray(first, last + 1))).toBe(true);
    expect(answer.headers).toMatchObject({
      'content-range': `bytes ${first}-${last}/300000`,
      'content-length': String(last - first + 1),
      'content-type': 'text/plain',
      etag: `"${file.sha256}"`,
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
    });
    expect(answer.headers['repr-digest']).toBeDefined();
    expect(answer.headers['content-disposition']).toBe('attachment; filename=a.bin');
  });

  it.each(['bytes=0-9,20-29', 'bytes=0-9, 5-14,-3', 'bytes=20-29,,0-9'])('several: %s', async (range) => {
    const answer = await world.owner.download(file.id, { Range: range });
    expect(answer.status).toBe(206);
    const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(
      answer.headers['content-type'] ?? '',
    )?.[1];
    const wanted = [...range.matchAll(/(\d*)-(\d+)/g)].map(([, from, to]) =>
      from === ''
        ? { first: 300_000 - Number(to), last: 299_999 }
        : { first: Number(from), last: Number(to) },
    );
    const expected = Buffer.concat([
      ...wanted.flatMap(({ first, last }) => [
        Buffer.from(
          `\r\n--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes ${first}-${last}/300000\r\n\r\n`,
        ),
        bytes.subarray(first, last + 1),
      ]),
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
    expect(answer.body.equals(expected)).toBe(true);
    expect(answer.headers['content-length']).toBe(String(expected.length));
    expect(answer.headers.etag).toBe(`"${file.sha256}"`);
  });

  it('If-Range with our tag or our date: the range', async () => {
    const { headers } = await world.owner.download(file.id, {}, 'HEAD');
    for (const ifRange of [headers.etag ?? '', headers['last-modified'] ?? '']) {
      const answer = await world.owner.download(file.id, { Range: 'bytes=10-19', 'If-Range': ifRange });
      expect(answer.status, ifRange).toBe(206);
      expect(answer.body.equals(bytes.subarray(10, 20))).toBe(true);
    }
  });

  it('together with a condition that nginx would judge by a tag of its own', async () => {
    const { headers } = await world.owner.download(file.id, {}, 'HEAD');
    for (const condition of [
      { 'If-Match': headers.etag ?? '' },
      { 'If-Unmodified-Since': headers['last-modified'] ?? '' },
    ]) {
      const answer = await world.owner.download(file.id, { Range: 'bytes=10-19', ...condition });
      expect(answer.status).toBe(206);
      expect(answer.body.equals(bytes.subarray(10, 20))).toBe(true);
    }
  });

  it('HEAD ignores Range', async () => {
    // RFC 9110 §14.2: Range is defined for GET only.
    const answer = await world.owner.download(file.id, { Range: 'bytes=0-9' }, 'HEAD');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-length']).toBe('300000');
  });

  it('the same content under another name resumes from the same tag', async () => {
    const other = await world.member.upload(bytes, { filename: 'other.bin' });
    const answer = await world.member.download(other.id, {
      Range: 'bytes=10-',
      'If-Range': `"${file.sha256}"`,
    });
    expect(answer.status).toBe(206);
  });
});
