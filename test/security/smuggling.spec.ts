import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FileJson } from '../harness/api.js';
import { mint } from '../harness/download-tokens.js';
import { sendRaw, statusesOf } from '../harness/raw-http.js';
import { until } from '../harness/until.js';
import { useWorld } from '../harness/world.js';

/** Requests about whose end nginx and the application could think differently: one hidden in another would be nobody's. */
describe('a request in a request', () => {
  const world = useWorld();
  let file: FileJson;
  beforeAll(async () => {
    file = await world.owner.upload(randomBytes(100));
  });

  const newMarker = () => `marker-${randomBytes(8).toString('hex')}`;
  const hidden = (marker: string) => `GET /${marker} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const login = 'POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

  const logged = async (log: string): Promise<string> =>
    readFile(join(world.stack.dataDir, log), 'utf8').catch(() => '');
  /** How often each of them has seen a request for it. */
  const seenBy = async (marker: string) => {
    const lines = (text: string) =>
      text.split('\n').filter((line) => line.includes(`"path":"/${marker}"`)).length;
    return {
      nginx: lines(await logged('nginx/access.log')),
      application: lines(await logged('log/app.log')),
    };
  };

  it('the logs tell of requests that are made', async () => {
    const marker = newMarker();
    await world.anonymous.send(`/${marker}`);
    const seen = await until(
      () => seenBy(marker),
      ({ nginx, application }) => nginx > 0 && application > 0,
    );
    expect(seen).toEqual({ nginx: 1, application: 1 });
  });

  const lengths = (marker: string) => hidden(marker).length;
  it.each<[string, (marker: string) => string]>([
    [
      'a length and chunks',
      (marker) =>
        `${login}Content-Length: ${5 + lengths(marker)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden(marker)}`,
    ],
    [
      'chunks and a length that is shorter',
      (marker) =>
        `${login}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${chunk(hidden(marker))}0\r\n\r\n`,
    ],
    ...[
      'Transfer-Encoding : chunked',
      'Transfer-Encoding:\tchunked',
      'Transfer-Encoding: xchunked',
      'Transfer-Encoding: identity, chunked',
      'Transfer-Encoding: chunked, identity',
      'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
      'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
      'Transfer-Encoding: "chunked"',
      'Transfer-Encoding: chunked;x=1',
      'Transfer-Encoding: \x0bchunked',
      'Transfer-Encoding:\r\n chunked',
      'X: x\nTransfer-Encoding: chunked',
      'Transfer_Encoding: chunked',
    ].map((field): [string, (marker: string) => string] => [
      JSON.stringify(field),
      (marker) =>
        `${login}Content-Length: ${5 + lengths(marker)}\r\n${field}\r\n\r\n0\r\n\r\n${hidden(marker)}`,
    ]),
    ...[
      '0',
      '+0',
      '-0',
      '00',
      '0x0',
      '0, 99',
      '0\r\nContent-Length: 99',
      '99\r\nContent-Length: 0',
      '0 9',
      '1e2',
    ].map((length): [string, (marker: string) => string] => [
      `Content-Length: ${JSON.stringify(length)}`,
      (marker) =>
        `${login}Content-Length: ${length.replace('99', String(lengths(marker)))}\r\n\r\n${hidden(marker)}`,
    ]),
    [
      'a GET with a body',
      (marker) =>
        `GET /download/${file.id} HTTP/1.1\r\nHost: x\r\nContent-Length: ${lengths(marker)}\r\n\r\n${hidden(marker)}`,
    ],
    [
      'a GET with chunks',
      (marker) =>
        `GET /download/${file.id} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(hidden(marker))}0\r\n\r\n`,
    ],
    [
      'a download with a body',
      (marker) =>
        `GET /download/${file.id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${world.owner.token ?? ''}\r\nContent-Length: ${lengths(marker)}\r\n\r\n${hidden(marker)}`,
    ],
    [
      'an upload in chunks, refused before its end',
      (marker) =>
        `POST /api/v1/files HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(hidden(marker))}0\r\n\r\n`,
    ],
    [
      'a chunk with a line end in its extension',
      (marker) =>
        `${login}Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n${lengths(marker).toString(16)}\r\n0\r\n\r\n${hidden(marker)}\r\n0\r\n\r\n`,
    ],
    [
      'a chunk with bare LF',
      (marker) => `${login}Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n${hidden(marker)}`,
    ],
    [
      'a trailer that is a request',
      (marker) => `${login}Transfer-Encoding: chunked\r\n\r\n0\r\n${hidden(marker)}`,
    ],
    ['a folded header', (marker) => `GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n GET /${marker} HTTP/1.1\r\n\r\n`],
    ['a bare CR', (marker) => `GET / HTTP/1.1\r\nHost: x\r\nX: a\rGET /${marker} HTTP/1.1\r\r\r\n\r\n`],
    ['a NUL', (marker) => `GET / HTTP/1.1\r\nHost: x\r\nX: a\0\r\n\r\n${hidden(marker)}`],
    ['a line end in the path', (marker) => `GET /%0d%0a%0d%0aGET%20/${marker} HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a space in the path', (marker) => `GET /x HTTP/1.1 /${marker} HTTP/1.1\r\nHost: x\r\n\r\n`],
    [
      'an upgrade to HTTP/2',
      (marker) =>
        `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n${hidden(marker)}`,
    ],
    [
      'an upgrade to a WebSocket',
      (marker) =>
        `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n${hidden(marker)}`,
    ],
    ['CONNECT', (marker) => `CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n${hidden(marker)}`],
    [
      'Expect',
      (marker) =>
        `${login}Expect: 100-continue\r\nContent-Length: ${lengths(marker)}\r\n\r\n${hidden(marker)}`,
    ],
  ])('%s: the application sees no request that nginx has not', async (_name, text) => {
    const marker = newMarker();
    const answers = await sendRaw(world.stack.publicUrl, text(marker), 400);
    await sleep(100);
    const { nginx, application } = await seenBy(marker);
    expect(application, answers).toBeLessThanOrEqual(nginx);
    // Nobody after it gets the answer of another.
    const after = await Promise.all(Array.from({ length: 8 }, () => world.owner.send('/api/v1/auth/me')));
    for (const { status, json } of after) {
      expect([status, (json as { id: string }).id]).toEqual([200, world.ownerAccount.id]);
    }
  });

  it('which headers are the connection’s, the client does not decide', async () => {
    const { token } = await mint(world.owner, file.id, { allowedIps: ['203.0.113.7'] });
    for (const connection of ['X-Forwarded-For', 'close, X-Forwarded-For, X-Request-Id, X-Nginx-Instance']) {
      const answers = await sendRaw(
        world.stack.publicUrl,
        `GET /download/${file.id}?token=${token} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.7\r\n` +
          `Connection: ${connection}\r\n\r\n`,
        400,
      );
      expect(statusesOf(answers)).toEqual([403]);
      expect(answers).toContain('ip-not-allowed');
    }
  });

  it.each([
    '203.0.113.7',
    '127.0.0.1, 203.0.113.7',
    '203.0.113.7%lo',
    '::ffff:203.0.113.7',
    '"[::ffff:203.0.113.7]:80"',
  ])('an address that a client claims through nginx is none: %s', async (address) => {
    const { token } = await mint(world.owner, file.id, { allowedIps: ['203.0.113.7'] });
    for (const name of ['X-Forwarded-For', 'X-Real-IP', 'Forwarded', 'True-Client-IP', 'X_Forwarded_For']) {
      const answer = await world.anonymous.send(`/download/${file.id}?token=${token}`, {
        headers: { [name]: name === 'Forwarded' ? `for=${address}` : address },
      });
      expect(answer.status, name).toBe(403);
      expect(answer.json).toMatchObject({ code: 'ip-not-allowed' });
    }
  });

  it('what nginx tells the application a client cannot: it gets no file, no path and no rate by it', async () => {
    for (const origin of [world.stack.publicUrl, world.stack.appUrl, world.stack.streamUrl]) {
      const answer = await world.anonymous.via(origin).send(`/download/${file.id}`, {
        headers: {
          'X-Accel-Redirect': `/_accel/local/whole/1/00/${'0'.repeat(30)}`,
          'X-Accel-Limit-Rate': '1',
          'X-Accel-Buffering': 'no',
          'X-Original-URL': '/health/live',
          'X-Rewrite-URL': '/health/live',
          'X-Store-Range': 'bytes=0-',
          'X-Store-Length': '1',
        },
      });
      expect(answer.status).toBe(401);
      for (const name of ['x-accel-redirect', 'x-accel-limit-rate', 'x-store-range']) {
        expect(answer.headers[name]).toBeUndefined();
      }
    }
  });
});
