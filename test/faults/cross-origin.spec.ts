import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem, type FileJson } from '../harness/api.js';
import { describeInBrowser, useBrowser } from '../harness/browser.js';
import { mint } from '../harness/download-tokens.js';
import { type Answer, send } from '../harness/http.js';
import { ADMIN, useOwnStack } from '../harness/own-stack.js';
import { HAS_MINIO } from '../harness/stores.js';

/** An empty page of an origin of its own. */
async function servePages(): Promise<Server> {
  const server = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end('<!doctype html><link rel="icon" href="data:,"><title>A page of somebody</title>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const originOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

describe('CORS_ORIGINS', () => {
  let app: Server;
  let stranger: Server;
  beforeAll(async () => {
    [app, stranger] = await Promise.all([servePages(), servePages()]);
  });
  afterAll(() => {
    for (const server of [app, stranger]) {
      server.close();
      server.closeAllConnections();
    }
  });
  const own = useOwnStack(
    () => ({
      CORS_ORIGINS: `https://app.example.com, ${originOf(app)}`,
      S3_DELIVERY: 'accel-s3',
    }),
    { s3: HAS_MINIO },
  );
  const bytes = randomBytes(300_000);
  let files: Readonly<Record<string, FileJson>>;
  beforeAll(async () => {
    files = {
      accel: await own.admin.upload(bytes, { filename: 'файл.bin' }),
      ...(HAS_MINIO && { 'accel-s3': await own.admin.upload(randomBytes(300_000), { volume: 's3' }) }),
      public: await own.admin.upload(randomBytes(100), { visibility: 'public' }),
    };
  });
  const id = (name: string): string => files[name]?.id ?? '';

  const ask = (
    path: string,
    headers: Record<string, string> = {},
    { api = own.admin, method = 'GET' }: { api?: Api; method?: string } = {},
  ): Promise<Answer> => api.send(path, { method, headers: { Origin: originOf(app), ...headers } });
  const expectOpened = ({ headers }: Answer): void => {
    expect(headers['access-control-allow-origin']).toBe(originOf(app));
    expect(headers['access-control-expose-headers']).toMatch(/\bETag\b.*\bX-Request-Id\b/);
    expect(headers['access-control-allow-credentials']).toBeUndefined();
    expect(headers.vary?.split(/, */)).toContain('Origin');
  };
  const corsHeadersOf = ({ headers }: Answer): string[] =>
    Object.keys(headers).filter((name) => name.startsWith('access-control-'));

  describe('an answer to a page of such an origin may be read', () => {
    it.each([
      ['a list', '/api/v1/files', 200],
      ['a problem of the application', '/api/v1/files/9007199254740993', 404],
      ['a problem of a download', '/download/9007199254740993', 404],
      ['no route', '/api/v1/nothing', 404],
      ['a probe', '/health/live', 200],
    ])('%s', async (_, path, status) => {
      const answer = await ask(path);
      expect(answer.status).toBe(status);
      expectOpened(answer);
    });

    it.each([
      ['200', {}, 200],
      ['206', { Range: 'bytes=5-9' }, 206],
      ['206 of several ranges', { Range: 'bytes=5-9,20-29' }, 206],
      ['416', { Range: 'bytes=999999-' }, 416],
    ])('a download: %s', async (_, headers, status) => {
      for (const way of Object.keys(files).filter((name) => name.startsWith('accel'))) {
        const answer = await ask(`/download/${id(way)}`, headers);
        expect(answer.status).toBe(status);
        expectOpened(answer);
        if (status < 400) expect(answer.headers.vary).toBe('Origin, Authorization, X-API-Key');
      }
    });

    it('a download that the application sends itself', async () => {
      const { headers } = await ask(`/download/${id('accel')}`, {}, { method: 'HEAD' });
      const answer = await ask(`/download/${id('accel')}`, { 'If-Match': headers.etag ?? '' });
      expect(answer.body.equals(bytes)).toBe(true);
      expectOpened(answer);
      expect(answer.headers.vary).toBe('Origin, Authorization, X-API-Key');
    });

    it('304 of a download and of metadata', async () => {
      for (const path of [`/download/${id('accel')}`, `/api/v1/files/${id('accel')}`]) {
        const { headers } = await ask(path, {}, { method: 'HEAD' });
        const answer = await ask(path, { 'If-None-Match': headers.etag ?? '' });
        expect(answer.status).toBe(304);
        expectOpened(answer);
        expect(answer.headers.vary).toBe('Origin, Authorization, X-API-Key');
      }
    });

    it('a public file, and its answers are kept apart by origin', async () => {
      const answer = await ask(`/download/${id('public')}`, {}, { api: own.anonymous });
      expectOpened(answer);
      expect(answer.headers.vary).toBe('Origin');
    });

    it('what nginx refuses', async () => {
      const answer = await own.admin.send('/api/v1/auth/login', {
        method: 'POST',
        headers: { Origin: originOf(app), 'Content-Type': 'application/json', 'Content-Length': 100_000 },
        body: Buffer.alloc(100_000),
      });
      expectProblem(answer, 413, 'payload-too-large');
      expect(answer.headers['access-control-allow-origin']).toBe(originOf(app));
      expect(answer.headers['access-control-expose-headers']).toBe(
        'Retry-After, X-Download-Id, X-Request-Id',
      );
    });
  });

  describe('a preflight', () => {
    const preflight = (
      path: string,
      method: string,
      headers = 'authorization,content-type',
    ): Promise<Answer> =>
      ask(
        path,
        { 'Access-Control-Request-Method': method, 'Access-Control-Request-Headers': headers },
        { api: own.anonymous, method: 'OPTIONS' },
      );

    it.each([
      ['/api/v1/files', 'POST'],
      ['/api/v1/files/1', 'PATCH'],
      ['/api/v1/uploads/1/chunks/0', 'PUT'],
      ['/api/v1/tus/1', 'PATCH'],
      ['/download/1', 'GET'],
    ])('%s by %s is answered without credentials', async (path, method) => {
      const answer = await preflight(path, method);
      expect(answer.status).toBe(204);
      expectOpened(answer);
      expect(answer.headers['access-control-allow-methods']?.split(', ')).toContain(method);
      expect(answer.headers['access-control-allow-headers']?.toLowerCase().split(', ')).toEqual(
        expect.arrayContaining([
          'authorization',
          'content-type',
          'x-api-key',
          'range',
          'if-range',
          'content-digest',
          'upload-offset',
        ]),
      );
      expect(answer.headers['access-control-max-age']).toBe('7200');
    });

    it('that is none goes to the routes, such as that of tus', async () => {
      const tus = await ask('/api/v1/tus', {}, { method: 'OPTIONS' });
      expect(tus.status).toBe(204);
      expect(tus.headers['tus-version']).toBe('1.0.0');
      expectOpened(tus);

      const answer = await ask('/api/v1/files', {}, { method: 'OPTIONS' });
      expectProblem(answer, 404, 'route-not-found');
    });
  });

  describe('nobody else is told anything', () => {
    it.each([
      ['another origin', () => originOf(stranger)],
      ['null', () => 'null'],
      ['the same host on no port', () => 'http://127.0.0.1'],
      ['the same host by TLS', () => originOf(app).replace('http:', 'https:')],
      ['one that begins alike', () => `${originOf(app)}.example.com`],
      ['one in capitals', () => 'HTTPS://APP.EXAMPLE.COM'],
      ['two at once', () => `${originOf(app)}, https://app.example.com`],
    ])('%s', async (_, origin) => {
      const headers = { Origin: origin() };
      for (const path of ['/api/v1/files', `/download/${id('accel')}`, '/api/v1/nothing']) {
        const answer = await ask(path, headers);
        expect(corsHeadersOf(answer)).toEqual([]);
        // A cache that has this answer must not give it to the page that may read one.
        expect(answer.headers.vary).toMatch(/^Origin/);
      }
      const preflight = { ...headers, 'Access-Control-Request-Method': 'GET' };
      expect(corsHeadersOf(await ask('/api/v1/files', preflight, { method: 'OPTIONS' }))).toEqual([]);
    });

    it('a request without an origin', async () => {
      expect(corsHeadersOf(await own.admin.send('/api/v1/files'))).toEqual([]);
    });
  });

  describeInBrowser('in a browser', () => {
    const browser = useBrowser();
    /** What a page does with the service, as its script sees it. */
    const useService = (fileId: string, token: string): Promise<Record<string, unknown>> =>
      browser.page.evaluate(
        `(async () => {
          const { url, account, fileId, token } = ${JSON.stringify({ url: own.stack.publicUrl, account: ADMIN, fileId, token })};
          const login = await fetch(url + '/api/v1/auth/login', {
            method: 'POST',
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify(account),
          });
          const { accessToken } = await login.json();
          const headers = { Authorization: 'Bearer ' + accessToken };
          const list = await (await fetch(url + '/api/v1/files', { headers })).json();
          const part = await fetch(url + '/download/' + fileId, { headers: { ...headers, Range: 'bytes=100-199' } });
          const link = await fetch(url + '/download/' + fileId + '?token=' + token);
          const missing = await fetch(url + '/api/v1/files/9007199254740993', { headers });
          return {
            listed: list.items.length,
            part: [part.status, part.headers.get('ETag'), part.headers.get('Content-Range')],
            partBytes: (await part.arrayBuffer()).byteLength,
            link: [link.status, link.headers.get('Content-Disposition'), (await link.arrayBuffer()).byteLength],
            missing: [missing.status, (await missing.json()).code, missing.headers.get('X-Request-Id')?.length],
          };
        })()`,
      );

    it.each(HAS_MINIO ? ['accel', 'accel-s3'] : ['accel'])(
      'a page of such an origin logs in, lists and downloads (%s)',
      async (way) => {
        const { token } = await mint(own.admin, id(way));
        await browser.page.goto(originOf(app));
        expect(await useService(id(way), token)).toEqual({
          listed: 3 - Number(!HAS_MINIO),
          part: [206, `"${files[way]?.sha256 ?? ''}"`, 'bytes 100-199/300000'],
          partBytes: 100,
          link: [200, expect.stringMatching(/^attachment/), 300_000],
          missing: [404, 'file-not-found', 32],
        });
      },
    );

    it('a page of another origin cannot', async () => {
      const { token } = await mint(own.admin, id('accel'));
      await browser.page.goto(originOf(stranger));
      await expect(useService(id('accel'), token)).rejects.toThrow('Failed to fetch');
      const reading = browser.page.evaluate(`fetch('${own.stack.publicUrl}/download/${id('public')}')`);
      await expect(reading).rejects.toThrow('Failed to fetch');
    });

    it('while the application is away, a page can read that it is to try again', async () => {
      await own.stack.app?.stop();
      await browser.page.goto(originOf(app));
      const seen = await browser.page.evaluate(
        `fetch('${own.stack.publicUrl}/api/v1/files').then(async (answer) => [answer.status, answer.headers.get('Retry-After'), (await answer.json()).code])`,
      );
      expect(seen).toEqual([503, '1', 'dependency-unavailable']);
      const refused = await send(own.stack.publicUrl, '/api/v1/files', {
        headers: { Origin: originOf(stranger) },
      });
      expect(refused.status).toBe(503);
      expect(corsHeadersOf(refused)).toEqual([]);
    });
  });
});
