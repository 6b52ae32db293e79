import { randomBytes } from 'node:crypto';
import { readFile, rm, stat, truncate } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { expectProblem } from '../../harness/api.js';
import { mint } from '../../harness/download-tokens.js';
import { useWorld } from '../../harness/world.js';

describe('nginx in front', () => {
  const world = useWorld();

  const pathOf = async (id: string) => {
    const [row] = await world.seed.query<{ storage_path: string }>(
      'SELECT b.storage_path FROM blobs b JOIN files f ON f.blob_id = b.id WHERE f.id = $1',
      [id],
    );
    return row?.storage_path ?? '';
  };

  it('the internal locations give nothing from outside, whatever the path looks like', async () => {
    const file = await world.owner.upload(randomBytes(10), { visibility: 'public' });
    const key = await pathOf(file.id);
    for (const prefix of [
      '/_accel/local/whole/',
      '/_accel/local/ranged/',
      '//_accel/local/whole/',
      '/x/../_accel/local/whole/',
      '/%5faccel/local/whole/',
      '/_accel/local/',
      '/_problem/',
    ]) {
      for (const path of [prefix + key, `${prefix}${key}?x`, prefix]) {
        const answer = await world.owner.send(path, {
          headers: { 'X-Accel-Redirect': `/_accel/local/whole/${key}` },
        });
        expect(answer.status, path).toBe(404);
        expect(answer.headers['content-type'], path).toMatch(/^application\/problem\+json/);
      }
    }
  });

  it('X-Accel headers of a client change nothing', async () => {
    const file = await world.owner.upload(randomBytes(1_000));
    const other = await world.owner.upload(randomBytes(1_000));
    const answer = await world.owner.download(file.id, {
      'X-Accel-Redirect': `/_accel/local/whole/${await pathOf(other.id)}`,
      'X-Sendfile': '/etc/passwd',
      'X-Accel-Limit-Rate': '1',
      'X-Accel-Mapping': '/=/',
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.etag).toBe(`"${file.sha256}"`);
  });

  const rawAnswer = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(world.stack.publicUrl).port), '127.0.0.1');
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('end', () => {
        resolve(answer);
      });
      socket.on('error', reject);
      socket.setTimeout(3_000, () => socket.destroy(new Error(`no end of: ${answer}`)));
      socket.write(text);
    });

  it.each([
    ['TRACE /download/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
    ['CONNECT x:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
    ['GET / HTTP/3.0\r\nHost: x\r\n\r\n', 400],
    ['GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
    ['POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n', 400],
    ['POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n', 400],
    ['GET /_problem/bad-request HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
    ['GET /_problem/content-missing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
    [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(40_000)}\r\nConnection: close\r\n\r\n`, 431],
    [`GET /${'x'.repeat(40_000)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 431],
  ])('its own refusals are problems, never pages: %#', async (request, status) => {
    const answer = await rawAnswer(request);
    expect(answer.slice(0, 400)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toMatch(/\r\nContent-Type: application\/problem\+json/i);
    expect(answer).toMatch(/\r\nCache-Control: no-store\r\n/i);
    expect(answer).not.toContain('<html');
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({
      status,
      instance: expect.any(String) as unknown,
    });
  });

  it('HTTP/1.0 without Host, as simple health checks send it', async () => {
    expect(await rawAnswer('GET /health/live HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('the longest headers that a file can have', async () => {
    const type = `${'a'.repeat(127)}/${'b'.repeat(127)}`;
    const file = await world.owner.upload(randomBytes(100), { filename: `${'💶'.repeat(251)}.bin`, type });
    for (const headers of [{}, { Range: 'bytes=0-1' }, { 'If-Match': '*' }] as Record<string, string>[]) {
      const answer = await world.owner.download(file.id, headers);
      expect([200, 206]).toContain(answer.status);
      expect(answer.headers['content-type']).toBe(type);
    }
  });

  it('a tag of nginx’s own means nothing', async () => {
    const file = await world.owner.upload(randomBytes(1_000));
    const { mtimeMs } = await stat(join(world.stack.dataDir, 'blobs', await pathOf(file.id)));
    const tag = `"${Math.floor(mtimeMs / 1_000).toString(16)}-${(1_000).toString(16)}"`;
    expect((await world.owner.download(file.id, { 'If-None-Match': tag })).status).toBe(200);
    expect((await world.owner.download(file.id, { 'If-Range': tag, Range: 'bytes=0-1' })).status).toBe(200);
  });

  it.each(['gone', 'cut', 'longer'])(
    '502 content-missing when the bytes are %s: never an nginx page, never our tag',
    async (what) => {
      const file = await world.owner.upload(randomBytes(1_000));
      const path = join(world.stack.dataDir, 'blobs', await pathOf(file.id));
      if (what === 'gone') await rm(path);
      else await truncate(path, what === 'cut' ? 500 : 2_000);
      const requests: Record<string, string>[] = [
        {},
        { Range: 'bytes=0-1' },
        { Range: 'bytes=600-700' },
        { Range: 'bytes=0-1,4-5' },
        { 'If-Match': '*' },
      ];
      for (const origin of [world.stack.publicUrl, world.stack.streamUrl]) {
        const owner = world.owner.via(origin);
        for (const headers of requests) {
          const answer = await owner.download(file.id, headers);
          expectProblem(answer, 502, 'content-missing');
          expect(answer.headers.etag).toBeUndefined();
          expect(answer.headers['content-disposition']).toBeUndefined();
        }
        expect((await owner.download(file.id, {}, 'HEAD')).status).toBe(502);
      }
    },
  );

  it('its access log has a line for each request, in JSON, without arguments and Referer', async () => {
    const file = await world.owner.upload(randomBytes(1_000));
    const { token: mark } = await mint(world.owner, file.id);
    await world.anonymous.send(`/download/${file.id}?token=${mark}`, {
      headers: { Range: 'bytes=10-19', Referer: `http://x/${mark}`, 'User-Agent': '"quoted"\n'.trim() },
    });
    let line: Record<string, unknown> | undefined;
    let log = '';
    for (let round = 0; round < 50 && line === undefined; round += 1) {
      await sleep(20);
      log = await readFile(join(world.stack.dataDir, 'nginx', 'access.log'), 'utf8');
      line = log
        .trim()
        .split('\n')
        .map((text) => JSON.parse(text) as Record<string, unknown>)
        .find(({ path, status }) => path === `/download/${file.id}` && status === 206);
    }
    expect(line).toMatchObject({
      ip: '127.0.0.1',
      method: 'GET',
      bytes: 10,
      range: 'bytes=10-19',
      contentRange: 'bytes 10-19/1000',
      completion: 'OK',
    });
    expect(log).not.toContain(mark);
  });

  it('what an id in the log, in the answer and in a problem names is one request', async () => {
    const answer = await world.owner.download('9000000000000000000', {
      'X-Request-Id': 'chosen-by-the-client',
    });
    const { requestId } = answer.json as { requestId: string };
    expect(answer.headers['x-request-id']).toBe(requestId);
    // A request's line is written when its answer has gone out.
    let appLog = '';
    for (let round = 0; round < 50 && !appLog.includes(requestId); round += 1) {
      await sleep(20);
      appLog = await readFile(join(world.stack.dataDir, 'log', 'app.log'), 'utf8');
    }
    expect(appLog.includes(requestId)).toBe(true);
    expect(appLog.includes('chosen-by-the-client')).toBe(false);
  });
});
