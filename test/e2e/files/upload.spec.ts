import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { expectProblem, multipart } from '../../harness/api.js';
import { UPLOAD_MAX_SIZE } from '../../harness/shared-stack.js';
import { useWorld } from '../../harness/world.js';

describe('POST /api/v1/files', () => {
  const world = useWorld();
  const blobs = () => join(world.stack.dataDir, 'blobs');

  /** Objects and unfinished writes of this world's tenant: other suites use the same volume. */
  const stored = async () => {
    const entries = await readdir(join(blobs(), world.tenantId), {
      recursive: true,
      withFileTypes: true,
    }).catch(() => []);
    return entries.filter((entry) => entry.isFile()).length;
  };
  const unfinished = async () => {
    const names = await readdir(join(blobs(), '.tmp')).catch(() => []);
    return names.filter((name) => name.startsWith(`${world.tenantId}-`));
  };
  const eventually = async (condition: () => Promise<boolean>) => {
    for (let round = 0; round < 100 && !(await condition()); round += 1) await sleep(20);
    expect(await condition()).toBe(true);
  };

  it('201: the file, where it is, and what is kept about it', async () => {
    // Looks like nothing that begins with a number of its own.
    const bytes = randomBytes(70_000).fill('text', 0, 64);
    const answer = await world.owner.sendForm([
      { name: 'visibility', value: 'tenant' },
      { name: 'file', value: bytes, filename: 'C:\\docs\\отчёт.PDF', type: 'Application/PDF; x=y' },
    ]);
    expect(answer.status).toBe(201);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const file = answer.json as Record<string, unknown>;
    expect(file).toEqual({
      id: expect.stringMatching(/^\d+$/) as unknown,
      filename: 'отчёт.PDF',
      size: 70_000,
      sha256,
      contentType: 'application/pdf',
      detectedType: null,
      visibility: 'tenant',
      ownerId: world.ownerAccount.id,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as unknown,
      updatedAt: file.createdAt,
      expiresAt: null,
    });
    expect(answer.headers.location).toBe(`/api/v1/files/${String(file.id)}`);
    const [blob] = await world.seed.query(
      `SELECT b.crc32, b.size, b.volume, b.storage_path, b.tenant_id FROM blobs b JOIN files f ON f.blob_id = b.id WHERE f.id = $1`,
      [file.id],
    );
    expect(blob).toMatchObject({
      crc32: String(crc32(bytes)),
      size: '70000',
      volume: 'local',
      tenant_id: world.tenantId,
    });
    // RULES 6.1: the path says nothing about name or content.
    expect(String(blob?.storage_path)).toMatch(new RegExp(`^${world.tenantId}/[0-9a-f]{2}/[0-9a-f]{30}$`));
    expect(sha256).not.toContain(String(blob?.storage_path).slice(-30, -20));
  });

  it('201: content is stored once per tenant, and not shared between tenants', async () => {
    const bytes = randomBytes(50_000);
    const before = await stored();
    const files = await Promise.all(
      Array.from({ length: 8 }, (_, at) => world.owner.upload(bytes, { filename: `${at}.bin` })),
    );
    await world.member.upload(bytes);
    expect(await stored()).toBe(before + 1);
    await world.foreign.upload(bytes);
    const rows = await world.seed.query(
      'SELECT DISTINCT tenant_id, storage_path FROM blobs WHERE sha256 = $1',
      [files[0]?.sha256],
    );
    expect(rows).toHaveLength(2);
    for (const file of files) expect((await world.owner.download(file.id)).body.equals(bytes)).toBe(true);
  });

  it('201: the largest file allowed; 413: one byte more, and nothing is left behind', async () => {
    const bytes = Buffer.alloc(UPLOAD_MAX_SIZE, 7);
    expect((await world.owner.upload(bytes)).size).toBe(UPLOAD_MAX_SIZE);
    const before = await stored();
    const answer = await world.owner.sendForm([
      { name: 'file', value: Buffer.concat([bytes, Buffer.from('x')]), filename: 'x' },
    ]);
    expectProblem(answer, 413, 'payload-too-large');
    await eventually(async () => (await unfinished()).length === 0);
    expect(await stored()).toBe(before);
  });

  it('413: refused by its Content-Length before it is read', async () => {
    const started = performance.now();
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(world.stack.publicUrl).port), '127.0.0.1');
      socket.write(
        `POST /api/v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${world.owner.token ?? ''}\r\n` +
          `Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 99999999999\r\n\r\n`,
      );
      socket.once('data', (chunk) => {
        resolve(chunk.toString());
        socket.destroy();
      });
      socket.on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('401: refused before the body is read', async () => {
    const answer = await world.anonymous.sendForm([{ name: 'file', value: 'x', filename: 'x' }]);
    expectProblem(answer, 401, 'unauthenticated');
  });

  it.each(['nginx', 'the application itself'])(
    '401: arrives whole though most of the body is still on its way, by %s',
    async (by) => {
      const caller = by === 'nginx' ? world.anonymous : world.anonymous.via(world.stack.streamUrl);
      const file = { name: 'file', value: Buffer.alloc(6 * 1024 * 1024, 1), filename: 'x' };
      for (let round = 0; round < 10; round += 1) {
        const answers = await Promise.all(Array.from({ length: 6 }, () => caller.sendForm([file])));
        for (const answer of answers) expectProblem(answer, 401, 'unauthenticated');
      }
    },
  );

  it.each([
    ['no file', [{ name: 'visibility', value: 'public' }], 'file'],
    ['nothing', [], 'file'],
    ['a file that is a field', [{ name: 'file', value: 'x' }], 'file'],
    ['a file under another name', [{ name: 'upload', value: 'x', filename: 'x' }], 'upload'],
    [
      'an unknown field',
      [
        { name: 'colour', value: 'red' },
        { name: 'file', value: 'x', filename: 'x' },
      ],
      'colour',
    ],
    [
      'a wrong visibility',
      [
        { name: 'visibility', value: 'Public' },
        { name: 'file', value: 'x', filename: 'x' },
      ],
      'visibility',
    ],
    [
      'a field behind the file',
      [
        { name: 'file', value: 'x', filename: 'x' },
        { name: 'visibility', value: 'public' },
      ],
      'visibility',
    ],
    [
      'two files',
      [
        { name: 'file', value: 'x', filename: 'x' },
        { name: 'file', value: 'y', filename: 'y' },
      ],
      'file',
    ],
    ['a name of 256 characters', [{ name: 'file', value: 'x', filename: 'x'.repeat(256) }], 'file'],
    ['a name that is a folder', [{ name: 'file', value: 'x', filename: '..' }], 'file'],
    [
      'visibility twice',
      [
        { name: 'visibility', value: 'public' },
        { name: 'visibility', value: 'private' },
        { name: 'file', value: 'x', filename: 'x' },
      ],
      'visibility',
    ],
    ['a file without a name', [{ name: 'file', value: 'x', type: 'application/octet-stream' }], 'file'],
    [
      'a field that is no JSON',
      [
        { name: 'visibility', value: '{', type: 'application/json' },
        { name: 'file', value: 'x', filename: 'x' },
      ],
      '',
    ],
    ['ten fields', Array.from({ length: 10 }, (_, at) => ({ name: `f${at}`, value: 'x' })), 'f0'],
    ['a line break in the name', [{ name: 'file', value: 'x', filename: 'a\r\nb' }], 'file'],
  ])('400: %s; nothing is left behind', async (_name, parts, field) => {
    const before = await stored();
    const answer = await world.owner.sendForm(parts);
    expectProblem(answer, 400, 'validation-failed');
    const { errors } = answer.json as { errors?: { field: string }[] };
    if (errors !== undefined) expect(errors[0]?.field).toBe(field);
    expect(await stored()).toBe(before);
    expect(await unfinished()).toEqual([]);
  });

  it.each([
    'application/json',
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/octet-stream',
  ])('415: %s', async (type) => {
    const answer = await world.owner.send('/api/v1/files', {
      method: 'POST',
      body: '{}',
      headers: { 'Content-Type': type },
    });
    expectProblem(answer, 415, 'unsupported-media-type');
  });

  it('415: no type at all', async () => {
    expectProblem(await world.owner.send('/api/v1/files', { method: 'POST' }), 415, 'unsupported-media-type');
  });

  it('400: a body without its closing boundary is not a file', async () => {
    const before = await stored();
    const { body, headers } = multipart([{ name: 'file', value: randomBytes(20_000), filename: 'x' }]);
    const short = body.subarray(0, body.length - 100);
    const answer = await world.owner.send('/api/v1/files', {
      method: 'POST',
      body: short,
      headers: { ...headers, 'Content-Length': String(short.length) },
    });
    expectProblem(answer, 400, 'validation-failed');
    expect(await stored()).toBe(before);
    expect(await unfinished()).toEqual([]);
  });

  it.each([
    ['no boundary', 'multipart/form-data', 'x'],
    ['another boundary', 'multipart/form-data; boundary=other', '--x\r\n\r\n--x--\r\n'],
    ['no part at all', 'multipart/form-data; boundary=x', ''],
    ['only the end', 'multipart/form-data; boundary=x', '--x--\r\n'],
    ['a part without headers', 'multipart/form-data; boundary=x', '--x\r\n\r\nabc\r\n--x--\r\n'],
  ])('400: %s', async (_name, type, body) => {
    const answer = await world.owner.send('/api/v1/files', {
      method: 'POST',
      body,
      headers: { 'Content-Type': type },
    });
    expectProblem(answer, 400, 'validation-failed');
  });

  /** Sends the head of a request and then what `send` writes, and gives back what came until the connection ended. */
  const raw = (headers: Record<string, string>, send: (socket: Socket) => void, seconds = 10) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(world.stack.publicUrl).port), '127.0.0.1');
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('close', () => {
        resolve(answer);
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error);
      });
      socket.setTimeout(seconds * 1_000, () => socket.destroy());
      const all = { Host: 'x', Authorization: `Bearer ${world.owner.token ?? ''}`, ...headers };
      socket.write(
        `POST /api/v1/files HTTP/1.1\r\n${Object.entries(all)
          .map(([name, value]) => `${name}: ${value}\r\n`)
          .join('')}\r\n`,
      );
      send(socket);
    });

  it.each([
    ['before the form', ''],
    [
      'behind the form',
      '--x\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nabc\r\n--x--\r\n',
    ],
  ])('413: a chunked body without end, %s', async (_name, form) => {
    const before = await stored();
    let stop = false;
    const answer = await raw(
      { 'Content-Type': 'multipart/form-data; boundary=x', 'Transfer-Encoding': 'chunked' },
      (socket) => {
        const chunk = (bytes: Buffer) =>
          Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
        if (form !== '') socket.write(chunk(Buffer.from(form)));
        const flood = () => {
          while (!stop && socket.writable && socket.write(chunk(Buffer.alloc(65_536, 10))));
        };
        socket.on('drain', flood);
        socket.on('data', () => {
          stop = true;
          socket.end();
        });
        flood();
      },
    );
    // A client that goes on sending may meet the reset before it has read the answer (RFC 9112 §9.6).
    expect(answer === '' || answer.startsWith('HTTP/1.1 413 ')).toBe(true);
    await eventually(async () => (await unfinished()).length === 0 && (await stored()) === before);
  });

  it('a client that vanishes between the file and the end of the form leaves nothing, and is no outage in the log', async () => {
    const before = await stored();
    const { body, headers } = multipart([{ name: 'file', value: randomBytes(100_000), filename: 'x' }]);
    for (let round = 0; round < 10; round += 1) {
      await raw(headers, (socket) => {
        socket.write(body.subarray(0, body.length - 10), () => {
          setTimeout(() => socket.destroy(), 60);
        });
      });
    }
    await eventually(async () => (await stored()) === before);
    const pending = () =>
      world.seed.query('SELECT 1 FROM pending_objects WHERE tenant_id = $1', [world.tenantId]);
    await eventually(async () => (await pending()).length === 0);
    const log = await readFile(join(world.stack.dataDir, 'log', 'app.log'), 'utf8');
    expect(
      log.split('\n').filter((line) => /"code":"(dependency-unavailable|internal-error)"/.test(line)),
    ).toEqual([]);
    expect(log).not.toContain('hook failed');
    expect(log).toContain('client went away');
  });

  it('a client that vanishes in the middle leaves nothing', async () => {
    const before = await stored();
    const { body, headers } = multipart([{ name: 'file', value: randomBytes(5_000_000), filename: 'x' }]);
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(new URL(world.stack.publicUrl).port), '127.0.0.1');
      socket.on('error', reject);
      socket.write(
        `POST /api/v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${world.owner.token ?? ''}\r\n` +
          Object.entries(headers)
            .map(([name, value]) => `${name}: ${value}\r\n`)
            .join('') +
          '\r\n',
      );
      socket.write(body.subarray(0, 3_000_000), () => {
        setTimeout(() => {
          socket.destroy();
          resolve();
        }, 100);
      });
    });
    await eventually(async () => (await unfinished()).length === 0);
    expect(await stored()).toBe(before);
  });
});
