import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';
import { type Api, expectProblem, type FileJson } from '../harness/api.js';
import { type GetAnswer, honest, HostileStore, raw, withHeaders } from '../harness/hostile-store.js';
import { useWorld } from '../harness/world.js';

/** RULES 5.3: the store and the client know nothing of each other. nginx and the application are real; the store is the attacker. */
describe('a hostile store behind accel-s3', () => {
  const world = useWorld();
  const store = new HostileStore();
  const bytes = randomBytes(100_000);
  let folder: string;
  let stack: Stack;
  let owner: Api;
  let file: FileJson;
  let local: { volume: string; storage_path: string };
  let honestHeaders: Record<string, unknown>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hostile-'));
    stack = await startStack({
      dataDir: folder,
      parts: ['nginx', 'app'],
      databaseUrl: world.stack.databaseUrl,
      redisUrl: world.stack.redisUrl,
      env: {
        VOLUMES: JSON.stringify([
          { name: 'local', driver: 'fs', root: join(world.stack.dataDir, 'blobs'), delivery: 'accel' },
        ]),
        JWT_SECRET_FILE: world.stack.jwtSecretFile,
        S3_ENDPOINT: await store.listen(),
        S3_ACCESS_KEY: 'AKID',
        S3_SECRET_KEY: 'a secret of the store',
        S3_DELIVERY: 'accel-s3',
        DEFAULT_VOLUME: 's3',
      },
    });
    owner = world.owner.via(stack.publicUrl);
    file = await owner.upload(bytes, { filename: 'a.pdf', type: 'application/pdf' });
    const secret = await world.owner.upload(Buffer.from('a blob of somebody else'));
    [local = { volume: '', storage_path: '' }] = await world.seed.query<typeof local>(
      'SELECT volume, storage_path FROM blobs b JOIN files f ON f.blob_id = b.id WHERE f.id = $1',
      [secret.id],
    );
    honestHeaders = incidentalApart((await owner.download(file.id)).headers);
  });
  afterAll(async () => {
    await stack.stop();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    store.heard.length = 0;
    store.answer = honest;
  });

  describe('nothing of the client reaches it', () => {
    const headersOf = (rawHeaders: readonly string[]) =>
      Object.fromEntries(
        rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1]]] : [])),
      );
    const NOISE = {
      'X-API-Key': 'dsk_not_a_key',
      Cookie: 'dl=1',
      'User-Agent': 'Mozilla/5.0',
      Referer: 'https://intranet.example.com/',
      'X-Amz-Security-Token': 'x',
      'X-Amz-Date': '20200101T000000Z',
      'X-Forwarded-For': '1.2.3.4',
      'If-None-Match': '"x"',
      'Accept-Encoding': 'gzip',
      Expect: '100-continue',
    };
    const { 'X-API-Key': _, ...quiet } = NOISE;

    it('but that somebody wants the object', async () => {
      expect((await owner.download(file.id, quiet)).status).toBe(200);
      const [heard] = store.heard;
      expect(headersOf(heard?.rawHeaders ?? [])).toEqual({ host: new URL(stack.env.S3_ENDPOINT ?? '').host });
      expect(heard?.target).toMatch(/^\/download-service\/\d+\/[0-9a-f]{2}\/[0-9a-f]{30}\?X-Amz-[^ ]*$/);
      expect(heard?.target).not.toContain('response-content');
    });

    it('and the range that we have judged', async () => {
      expect((await owner.download(file.id, { ...quiet, Range: 'bytes=-10' })).status).toBe(206);
      expect(headersOf(store.heard[0]?.rawHeaders ?? [])).toEqual({
        host: new URL(stack.env.S3_ENDPOINT ?? '').host,
        range: 'bytes=99990-99999',
      });
    });

    it('no Range where If-Range did not match, no body, no other method', async () => {
      await owner.download(file.id, { Range: 'bytes=5-9', 'If-Range': '"kept-not"' });
      await owner.send(`/download/${file.id}?x=${'y'.repeat(50)}`, {
        body: 'a body',
        headers: { 'Content-Length': 6 },
      });
      expect(store.heard).toHaveLength(2);
      for (const { rawHeaders, body, method, target } of store.heard) {
        expect(headersOf(rawHeaders)).toEqual({ host: new URL(stack.env.S3_ENDPOINT ?? '').host });
        expect(body).toHaveLength(0);
        expect(method).toBe('GET');
        expect(target).not.toContain('yyy');
      }
    });

    it('connections to it are kept', async () => {
      const before = store.connections;
      for (let round = 0; round < 20; round += 1) await owner.download(file.id);
      expect(store.connections).toBeLessThanOrEqual(Math.max(before, 1) + 4);
    });
  });

  describe('nothing of it reaches the client', () => {
    const accelPath = () => `/_accel/${local.volume}/whole/${local.storage_path}`;
    const HEADERS: Record<string, string | string[]> = {
      'X-Accel-Limit-Rate': '1',
      'X-Accel-Buffering': 'no',
      'X-Accel-Charset': 'utf-16',
      'X-Accel-Expires': '3600',
      'Set-Cookie': ['a=1; Path=/', 'dl=2'],
      ETag: '"foreign"',
      'Last-Modified': 'Sat, 21 Nov 2020 10:00:00 GMT',
      'Content-Type': 'text/html',
      'Content-Disposition': 'inline',
      'Content-Encoding': 'gzip',
      'Content-Language': 'de',
      'Content-Location': '/other',
      'Content-Security-Policy': 'none',
      'Cache-Control': 'public, max-age=31536000',
      Expires: 'Fri, 21 Nov 2099 10:00:00 GMT',
      Vary: '*',
      'Repr-Digest': 'sha-256=:AAAA:',
      'Accept-Ranges': 'none',
      Location: 'https://evil.example.com/',
      Refresh: '0; url=https://evil.example.com/',
      Link: '<https://evil.example.com/>; rel=preload',
      'Clear-Site-Data': '"*"',
      'Strict-Transport-Security': 'max-age=31536000',
      'Alt-Svc': 'h3="evil.example.com:443"',
      'Access-Control-Allow-Origin': '*',
      'WWW-Authenticate': 'Basic',
      'X-Content-Type-Options': 'sniff',
      'X-Request-Id': 'theirs',
      'X-Download-Id': 'theirs',
      'X-Evil': '1',
      'x-amz-meta-note': 'theirs',
      'x-amz-request-id': 'theirs',
      Server: 'evil',
      Date: 'Sat, 21 Nov 2020 10:00:00 GMT',
    };

    it('but the bytes: an X-Accel-Redirect to another blob is not followed', async () => {
      store.answer = withHeaders({ 'X-Accel-Redirect': accelPath() });
      const answer = await owner.download(file.id);
      expect(answer.body.equals(bytes)).toBe(true);
      expect(incidentalApart(answer.headers)).toEqual(honestHeaders);
    });

    it.each(Object.entries(HEADERS))('no header: %s: %s', async (name, value) => {
      store.answer = withHeaders({ [name]: value });
      const started = performance.now();
      const answer = await owner.download(file.id);
      expect(answer.status).toBe(200);
      expect(answer.body.equals(bytes)).toBe(true);
      expect(incidentalApart(answer.headers)).toEqual(honestHeaders);
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
      expect(answer.headers.server).toBe('nginx');
      expect(performance.now() - started).toBeLessThan(5_000);
    });

    it('not all of them at once, on a range either', async () => {
      store.answer = withHeaders({ ...HEADERS, 'X-Accel-Redirect': accelPath() });
      const answer = await owner.download(file.id, { Range: 'bytes=10-19' });
      expect(answer.status).toBe(206);
      expect(answer.body.equals(bytes.subarray(10, 20))).toBe(true);
      const { 'content-length': length, 'content-range': range, ...rest } = incidentalApart(answer.headers);
      expect({ length, range }).toEqual({ length: '10', range: `bytes 10-19/${bytes.length}` });
      const { 'content-length': _, ...whole } = honestHeaders;
      expect(rest).toEqual(whole);
    });
  });

  describe('other bytes are never sent under our tag', () => {
    const whole = (extra: string) => `HTTP/1.1 200 OK\r\n${extra}\r\n`;
    const long = Buffer.concat([bytes, Buffer.from('and more')]);
    const LIES: [string, Record<string, string>, GetAnswer][] = [
      [
        'a longer body',
        {},
        (response) => response.writeHead(200, { 'Content-Length': long.length }).end(long),
      ],
      ['a shorter one', {}, (response) => response.writeHead(200, { 'Content-Length': 9 }).end('not it at')],
      ['one without a length', {}, (response) => response.writeHead(200).end(long)],
      ['one until the connection ends', {}, raw(Buffer.concat([Buffer.from(whole('')), long]))],
      ['HTTP/0.9', {}, raw(bytes)],
      ['a range that nobody asked for', {}, ranged('bytes 0-9/100000', 10)],
      [
        'everything instead of a range',
        { Range: 'bytes=0-9' },
        (response) => response.writeHead(200, { 'Content-Length': bytes.length }).end(bytes),
      ],
      ['another range', { Range: 'bytes=0-9' }, ranged('bytes 10-19/100000', 10)],
      ['a longer range', { Range: 'bytes=0-9' }, ranged('bytes 0-10/100000', 11)],
      ['a range of another whole', { Range: 'bytes=0-9' }, ranged('bytes 0-9/999', 10)],
      [
        'a range that does not say which',
        { Range: 'bytes=0-9' },
        (response) => response.writeHead(206, { 'Content-Length': 10 }).end('0123456789'),
      ],
      ['nothing', {}, (response) => response.writeHead(204).end()],
      ['created', {}, (response) => response.writeHead(201, { 'Content-Length': bytes.length }).end(bytes)],
    ];
    it.each(LIES)('%s', async (_, headers, lie) => {
      store.answer = lie;
      const answer = await owner.download(file.id, headers).catch((error: unknown) => error as Error);
      if (answer instanceof Error) return;
      // What is no broken connection is an error that says so.
      expect(answer.status).toBeGreaterThanOrEqual(500);
      expect(answer.headers.etag).toBeUndefined();
      expect(answer.body.includes(bytes.subarray(0, 10))).toBe(false);
    });

    it('bytes beyond the length are cut off', async () => {
      store.answer = raw(Buffer.concat([Buffer.from(whole(`Content-Length: ${bytes.length}\r\n`)), long]));
      const answer = await owner.download(file.id);
      expect(answer.body.equals(bytes)).toBe(true);
    });

    it('a body that ends early is visible as that', async () => {
      store.answer = raw(
        Buffer.concat([Buffer.from(whole(`Content-Length: ${bytes.length}\r\n`)), bytes.subarray(0, 50_000)]),
      );
      await expect(owner.download(file.id)).rejects.toThrow();
    });
  });

  describe('its own answers become ours', () => {
    it.each([300, 301, 302, 303, 304, 305, 307, 308, 400, 404, 405, 410, 412, 416])(
      '%i: the content is not in its place',
      async (status) => {
        store.answer = says(status);
        const answer = await owner.download(file.id);
        expectProblem(answer, 502, 'content-missing');
        expectNothingOfIt(answer.rawHeaders, answer.text);
      },
    );

    it.each([401, 403, 429, 500, 501, 502, 503, 504])('%i: the store is away', async (status) => {
      store.answer = says(status);
      const answer = await owner.download(file.id);
      expectProblem(answer, 503, 'dependency-unavailable');
      expectNothingOfIt(answer.rawHeaders, answer.text);
    });

    it.each([418, 451, 499, 599, 299, 226])('%i, which nobody knows: no bytes', async (status) => {
      store.answer = says(status);
      const answer = await owner.download(file.id).catch(() => undefined);
      if (answer === undefined) return;
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expectNothingOfIt(answer.rawHeaders, answer.text);
    });

    it.each([
      ['no HTTP at all', raw('SSH-2.0-OpenSSH_9.2\r\n')],
      ['an end without a word', raw('')],
      ['headers without end', raw(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(64 * 1024)}\r\n\r\n`)],
    ] as [string, GetAnswer][])('%s: the store is away', async (_, answerOf) => {
      store.answer = answerOf;
      const answer = await owner.download(file.id).catch(() => undefined);
      if (answer !== undefined) expect(answer.status).toBeGreaterThanOrEqual(500);
    });
  });

  it('nobody comes to it from outside', async () => {
    await owner.download(file.id);
    const target = store.heard[0]?.target ?? '';
    for (const path of [
      `/_store/s3${target}`,
      '/_store/s3/download-service/1/ab/c',
      '/_store/',
      '/_store/other/x',
    ]) {
      expectProblem(await owner.send(path), 404, 'route-not-found');
    }
    expect(store.heard).toHaveLength(1);
  });
});

function ranged(range: string, length: number): GetAnswer {
  return (response) => {
    response
      .writeHead(206, { 'Content-Length': length, 'Content-Range': range })
      .end(Buffer.alloc(length, 'x'));
  };
}

function says(status: number): GetAnswer {
  return (response) => {
    response
      .writeHead(status, { Location: 'https://evil.example.com/', 'Set-Cookie': 'evil=1', 'X-Evil': 'evil' })
      .end(status === 304 || status === 204 ? undefined : 'evil');
  };
}

function expectNothingOfIt(rawHeaders: readonly string[], body: string): void {
  expect(rawHeaders.join('\n')).not.toContain('evil');
  expect(body).not.toContain('evil');
}

const OUR_COOKIE = /^dl=[\w-]{22}; Path=\/download\/\d+; Max-Age=86400; HttpOnly; SameSite=Lax$/;

/** What belongs to a connection or one request. */
function incidentalApart(headers: Record<string, unknown>): Record<string, unknown> {
  const {
    date: _date,
    'x-request-id': _id,
    connection: _connection,
    'x-download-id': downloadId,
    'set-cookie': cookies,
    ...rest
  } = headers;
  expect(downloadId).toMatch(/^\d{2}[\w-]{22}$/);
  // Ours is another one for each download; somebody else's stays.
  const foreign = ((cookies ?? []) as string[]).filter((cookie) => !OUR_COOKIE.test(cookie));
  return { ...rest, ...(foreign.length > 0 && { 'set-cookie': foreign }) };
}
