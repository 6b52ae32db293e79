import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FileJson } from '../../harness/api.js';
import type { Answer } from '../../harness/http.js';
import { MODES, useWorld } from '../../harness/world.js';

/** Of the connection, of one request or of one client, not of the answer. */
const INCIDENTAL = new Set([
  ...['date', 'server', 'connection', 'keep-alive', 'x-request-id', 'set-cookie', 'x-download-id'],
]);

/** What an answer says: headers in order of name, the boundary of a multipart body aside. */
function said({ status, headers, body }: Answer): object {
  const boundary = /boundary=(\w+)/.exec(headers['content-type'] ?? '')?.[1];
  const plain = (text: string) => (boundary === undefined ? text : text.replaceAll(boundary, 'BOUNDARY'));
  // The lengths of the two boundaries differ, and so those of the bodies.
  const skipped = (name: string) =>
    INCIDENTAL.has(name) || (boundary !== undefined && name === 'content-length');
  const kept = Object.entries(headers).filter(([name]) => !skipped(name));
  const problem = headers['content-type']?.startsWith('application/problem+json') === true && body.length > 0;
  const content = problem
    ? { ...(JSON.parse(body.toString()) as object), requestId: '' }
    : plain(body.toString('latin1'));
  return {
    status,
    headers: Object.fromEntries(kept.toSorted().map(([name, value]) => [name, plain(String(value))])),
    content,
  };
}

const PROXIED = MODES.filter((mode) => mode !== 'stream');

describe.each(PROXIED)('%s and stream answer alike, byte for byte and header for header', (mode) => {
  const world = useWorld(mode);
  const files: Record<string, FileJson> = {};

  beforeAll(async () => {
    files.private = await world.owner.upload(randomBytes(10_000), {
      filename: 'отчёт "1".txt',
      type: 'text/plain',
    });
    files.public = await world.owner.upload(randomBytes(300), { visibility: 'public' });
    files.long = await world.owner.upload(randomBytes(17 * 2 ** 20), { filename: 'long.bin' });
    files.empty = await world.owner.upload(Buffer.alloc(0), { filename: 'empty' });
  });

  const RANGES = [
    'bytes=0-',
    'bytes=0-0',
    'bytes=-1',
    'bytes=-99999',
    'bytes=10-20',
    'bytes=9999-',
    'bytes=10000-',
    'bytes=-0',
    'bytes=0-1,3-4',
    'bytes=3-4,0-1',
    'bytes=0-9,5-14',
    'bytes=0-1, 3-4',
    'bytes=0-1 ,3-4',
    'bytes=0-1,,3-4',
    'bytes=,0-1',
    'bytes=0-9999,0-0',
    'bytes=0-1,99999-',
    'bytes=99999-,0-1',
    'bytes=5-3',
    'bytes=5-3,0-1',
    'bytes=',
    'bytes=x',
    'bytes',
    '0-1',
    'BYTES=0-1',
    'Bytes=0-1',
    'bytes= 0-1',
    'bytes=0 -1',
    'bytes=\t0-1',
    'items=0-1',
    'bytes=0-1;q=1',
    'bytes=--1',
    'bytes=1-2-3',
    'bytes=000000000000000000-1',
    'bytes=0000000000000000000-1',
    'bytes=0-999999999999999999',
    'bytes=0-9999999999999999999',
    'bytes=0-18446744073709551617',
    'bytes=18446744073709551616-',
    'bytes=-18446744073709551617',
    `bytes=${Array.from({ length: 100 }, (_, at) => `${at}-${at}`).join(',')}`,
    `bytes=${Array.from({ length: 101 }, (_, at) => `${at}-${at}`).join(',')}`,
  ];
  const past = 'Sat, 21 Nov 2020 10:00:00 GMT';
  const future = 'Fri, 21 Nov 2099 10:00:00 GMT';

  const conditions = (etag: string, date: string): Record<string, string>[] => [
    {},
    { 'If-None-Match': etag },
    { 'If-None-Match': `W/${etag}` },
    { 'If-None-Match': `"x",${etag}` },
    { 'If-None-Match': '*' },
    { 'If-None-Match': '"x"' },
    { 'If-None-Match': '"x"', 'If-Modified-Since': date },
    { 'If-Modified-Since': date },
    { 'If-Modified-Since': past },
    { 'If-Modified-Since': future },
    { 'If-Modified-Since': 'x' },
    { 'If-Match': etag },
    { 'If-Match': `W/${etag}` },
    { 'If-Match': '"x"' },
    { 'If-Match': '*' },
    { 'If-Unmodified-Since': date },
    { 'If-Unmodified-Since': past },
    { 'If-Unmodified-Since': 'x' },
    { 'If-Match': etag, 'If-None-Match': etag },
    ...[etag, `W/${etag}`, '"x"', date, past, future, 'x', ''].flatMap((value) => [
      { 'If-Range': value, Range: 'bytes=1-2' },
      { 'If-Range': value, Range: 'bytes=1-2,4-5' },
      { 'If-Range': value, Range: 'bytes=99999-' },
      { 'If-Range': value },
    ]),
  ];

  const compare = async (id: string, headers: Record<string, string>, caller = world.owner) => {
    for (const method of ['GET', 'HEAD']) {
      const [proxied, stream] = await Promise.all([
        caller.download(id, headers, method),
        caller.via(world.stack.streamUrl).download(id, headers, method),
      ]);
      expect(said(proxied), `${method} ${JSON.stringify(headers).slice(0, 200)}`).toEqual(said(stream));
    }
  };

  it.each(['private', 'public', 'empty'])('every Range on a %s file', async (name) => {
    for (const range of RANGES) await compare(files[name]?.id ?? '', { Range: range });
  });

  it('a file of several parts', async () => {
    const id = files.long?.id ?? '';
    for (const range of [
      'bytes=0-',
      'bytes=5242870-5242889',
      'bytes=10485760-',
      'bytes=-1',
      'bytes=0-0,17825791-',
    ])
      await compare(id, { Range: range });
    await compare(id, {});
  });

  it('every condition, alone and with ranges', async () => {
    const id = files.private?.id ?? '';
    const { headers } = await world.owner.download(id, {}, 'HEAD');
    for (const condition of conditions(headers.etag ?? '', headers['last-modified'] ?? ''))
      await compare(id, condition);
  });

  it('every refusal', async () => {
    for (const id of [files.private?.id ?? '', '9000000000000000000', 'x']) {
      for (const caller of [world.anonymous, world.member, world.foreign, world.anonymous.as('x')])
        await compare(id, {}, caller);
    }
    await compare(files.public?.id ?? '', {}, world.anonymous);
  });

  it('two Range headers say nothing', async () => {
    for (const caller of [world.owner, world.owner.via(world.stack.streamUrl)]) {
      const answer = await caller.send(`/download/${files.private?.id ?? ''}`, {
        headers: { Range: ['bytes=0-1', 'bytes=5-6'] },
      });
      expect(answer.status).toBe(200);
      expect(answer.body).toHaveLength(10_000);
    }
  });
});
