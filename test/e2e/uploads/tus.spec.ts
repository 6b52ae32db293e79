import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { PassThrough } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem } from '../../harness/api.js';
import type { Answer } from '../../harness/http.js';
import { UPLOAD_MAX_SIZE } from '../../harness/shared-stack.js';
import {
  fileIdOf,
  OFFSET_TYPE,
  tusChecksum,
  tusCreate,
  tusMetadata,
  tusOffset,
  tusPatch,
  tusRequest,
} from '../../harness/tus.js';
import { until } from '../../harness/until.js';
import { beginUpload, getUpload, MEBIBYTE, putChunk, sha256Of } from '../../harness/uploads.js';
import { MODES, useWorld } from '../../harness/world.js';

const PATH = '/api/v1/tus';

describe.each(MODES.filter((mode) => mode !== 'stream'))('tus (%s)', (mode) => {
  const world = useWorld(mode);

  const create = (size: number, metadata: Record<string, string> = {}) =>
    tusCreate(world.owner, size, metadata);
  const patch = (path: string, offset: number | string, body: Buffer, headers = {}) =>
    tusPatch(world.owner, path, offset, body, headers);
  const idOf = (path: string) => path.split('/').at(-1) ?? '';
  const download = async (fileId: string) => (await world.owner.download(fileId)).body;

  /** Sends `bytes` and goes away. */
  const breakOff = async (path: string, offset: number, bytes: Buffer, announced: number, headers = {}) => {
    const body = new PassThrough();
    const answer = tusPatch(world.owner, path, offset, body, { 'Content-Length': announced, ...headers });
    body.write(bytes);
    await sleep(300);
    body.destroy(new Error('gone'));
    await expect(answer).rejects.toThrow();
  };

  it('a file in several requests, as it was announced', async () => {
    const bytes = randomBytes(11 * MEBIBYTE + 123);
    const metadata = {
      filename: 'файл 100% 🚀.mp4',
      filetype: 'video/mp4',
      visibility: 'tenant',
      sha256: sha256Of(bytes),
      other: 'kept',
    };
    const created = await tusRequest(world.owner, 'POST', PATH, {
      'Upload-Length': bytes.length,
      'Upload-Metadata': tusMetadata(metadata),
    });
    expect(created.status, created.text).toBe(201);
    expect(created.headers).toMatchObject({ 'tus-resumable': '1.0.0', 'upload-offset': '0' });
    const path = created.headers.location ?? '';
    expect(path).toMatch(/^\/api\/v1\/tus\/[0-9a-f-]{36}$/);
    let last: Answer | undefined;
    for (let at = 0; at < bytes.length; at += 3 * MEBIBYTE) {
      const piece = bytes.subarray(at, at + 3 * MEBIBYTE);
      last = await patch(path, at, piece);
      expect(last.status, last.text).toBe(204);
      expect(last.headers).toMatchObject({
        'tus-resumable': '1.0.0',
        'upload-offset': String(at + piece.length),
      });
      const head = await tusRequest(world.owner, 'HEAD', path);
      expect(head.headers['upload-offset']).toBe(String(at + piece.length));
    }
    if (last === undefined) throw new Error('nothing was sent');
    const id = fileIdOf(last);
    const file = (await world.owner.send(`/api/v1/files/${id}`)).json;
    expect(file).toMatchObject({
      filename: metadata.filename,
      contentType: 'video/mp4',
      visibility: 'tenant',
      size: bytes.length,
      sha256: metadata.sha256,
    });
    expect((await download(id)).equals(bytes)).toBe(true);
    expect(await getUpload(world.owner, { uploadId: idOf(path) })).toMatchObject({
      status: 'completed',
      file,
    });
    const head = await tusRequest(world.owner, 'HEAD', path);
    expect(head.headers).toMatchObject({
      'upload-offset': String(bytes.length),
      'x-file-id': id,
    });
    expect(head.headers['upload-expires']).toBeUndefined();
  });

  it('a large body in one request', async () => {
    const bytes = randomBytes(17 * MEBIBYTE + 1);
    const answer = await patch(await create(bytes.length), 0, bytes);
    expect((await download(fileIdOf(answer))).equals(bytes)).toBe(true);
  });

  it.each([1, 1_000, 5 * MEBIBYTE - 1])('in pieces of %i bytes', async (size) => {
    const bytes = randomBytes(3 * size + Math.floor(size / 2) + 1);
    const path = await create(bytes.length);
    let last: Answer | undefined;
    for (let at = 0; at < bytes.length; at += size)
      last = await patch(path, at, bytes.subarray(at, at + size));
    if (last === undefined) throw new Error('nothing was sent');
    expect((await download(fileIdOf(last))).equals(bytes)).toBe(true);
  });

  it('a body that does not say how long it is', async () => {
    const bytes = randomBytes(7 * MEBIBYTE + 5);
    const body = new PassThrough();
    body.end(bytes);
    const answer = await tusPatch(world.owner, await create(bytes.length), 0, body, {
      'Transfer-Encoding': 'chunked',
    });
    expect(answer.status, answer.text).toBe(204);
    expect((await download(fileIdOf(answer))).equals(bytes)).toBe(true);
  });

  it('a connection that breaks off: what came in stays, and nothing of it has to be sent again for ever', async () => {
    const bytes = randomBytes(7 * MEBIBYTE);
    const path = await create(bytes.length);
    let offset = 0;
    for (let round = 0; round < 3; round += 1) {
      const before = offset;
      await breakOff(
        path,
        offset,
        bytes.subarray(offset, offset + 2 * MEBIBYTE + 100),
        bytes.length - offset,
      );
      await sleep(700);
      offset = await tusOffset(world.owner, path);
      expect(offset).toBeLessThanOrEqual(before + 2 * MEBIBYTE + 100);
      // A store of whole parts loses the part in which it breaks off for the first time.
      if (mode === 'accel' || round > 0) expect(offset).toBeGreaterThan(before);
    }
    const answer = await patch(path, offset, bytes.subarray(offset));
    expect((await download(fileIdOf(answer))).equals(bytes)).toBe(true);
  });

  it('with a checksum nothing of a body that breaks off stays', async () => {
    const bytes = randomBytes(3 * MEBIBYTE);
    const path = await create(bytes.length);
    const headers = { 'Upload-Checksum': tusChecksum('sha256', bytes) };
    await breakOff(path, 0, bytes.subarray(0, 2 * MEBIBYTE), bytes.length, headers);
    await sleep(500);
    expect(await tusOffset(world.owner, path)).toBe(0);
    fileIdOf(await patch(path, 0, bytes, headers));
  });

  it.each(['sha1', 'sha256', 'md5'] as const)('460: %s does not hold, and nothing is kept', async (name) => {
    const bytes = randomBytes(6 * MEBIBYTE);
    const path = await create(2 * bytes.length);
    const wrong = await patch(path, 0, bytes, { 'Upload-Checksum': tusChecksum(name, randomBytes(3)) });
    expectProblem(wrong, 460, 'checksum-mismatch');
    expect(await tusOffset(world.owner, path)).toBe(0);
    const right = await patch(path, 0, bytes, { 'Upload-Checksum': tusChecksum(name, bytes) });
    expect(right.status, right.text).toBe(204);
    expect(await tusOffset(world.owner, path)).toBe(bytes.length);
    const last = await patch(path, bytes.length, bytes, { 'Upload-Checksum': tusChecksum(name, bytes) });
    expect((await download(fileIdOf(last))).equals(Buffer.concat([bytes, bytes]))).toBe(true);
  });

  it('creation with the first bytes, and with all of them', async () => {
    const bytes = randomBytes(2 * MEBIBYTE);
    const headers = { 'Upload-Length': bytes.length, 'Content-Type': OFFSET_TYPE };
    const first = await tusRequest(world.owner, 'POST', PATH, headers, bytes.subarray(0, 1_000));
    expect(first.status, first.text).toBe(201);
    expect(first.headers['upload-offset']).toBe('1000');
    const rest = await patch(first.headers.location ?? '', 1_000, bytes.subarray(1_000));
    expect((await download(fileIdOf(rest))).equals(bytes)).toBe(true);
    const all = await tusRequest(world.owner, 'POST', PATH, headers, bytes);
    expect(all.headers['upload-offset']).toBe(String(bytes.length));
    expect((await download(fileIdOf(all))).equals(bytes)).toBe(true);
  });

  it('a file without bytes is there at once', async () => {
    const answer = await tusRequest(world.owner, 'POST', PATH, { 'Upload-Length': 0 });
    expect(answer.status, answer.text).toBe(201);
    expect(await download(fileIdOf(answer))).toHaveLength(0);
    expect(await tusOffset(world.owner, answer.headers.location ?? '')).toBe(0);
  });

  it('422: other bytes than announced, and 410 from then on', async () => {
    const bytes = randomBytes(MEBIBYTE);
    const path = await create(bytes.length, { sha256: sha256Of(randomBytes(5)) });
    expectProblem(await patch(path, 0, bytes), 422, 'digest-mismatch');
    expect((await tusRequest(world.owner, 'HEAD', path)).status).toBe(410);
    expectProblem(await patch(path, 0, bytes), 410, 'upload-expired');
  });

  it('a newer request takes over from one that hangs', async () => {
    const bytes = randomBytes(3 * MEBIBYTE);
    const path = await create(bytes.length);
    const body = new PassThrough();
    const hanging = tusPatch(world.owner, path, 0, body, { 'Content-Length': bytes.length });
    body.write(bytes.subarray(0, 1_500_000));
    await sleep(500);
    const early = await patch(path, 0, bytes);
    expectProblem(await hanging, 423, 'upload-locked');
    const offset = await tusOffset(world.owner, path);
    // What the one that hung had brought is kept on a local volume: then the newer one has to begin further on.
    if (mode === 'accel') expectProblem(early, 409, 'upload-offset-mismatch');
    const answer = mode === 'accel' ? await patch(path, offset, bytes.subarray(offset)) : early;
    if (mode === 'accel') expect(offset).toBe(1_500_000);
    body.destroy();
    expect((await download(answer.headers['x-file-id']?.toString() ?? '')).equals(bytes)).toBe(true);
  });

  it('two clients with the same bytes at once: one file, of those bytes', async () => {
    const bytes = randomBytes(4 * MEBIBYTE);
    const path = await create(bytes.length);
    const client = async () => {
      for (let round = 0; round < 20; round += 1) {
        const head = await tusRequest(world.owner, 'HEAD', path);
        const offset = Number(head.headers['upload-offset']);
        if (offset === bytes.length) return String(head.headers['x-file-id']);
        const { status } = await patch(path, offset, bytes.subarray(offset, offset + MEBIBYTE));
        expect([204, 409, 423]).toContain(status);
      }
      throw new Error('no end');
    };
    const ids = await Promise.all([client(), client(), client()]);
    expect(new Set(ids).size).toBe(1);
    expect((await download(ids[0])).equals(bytes)).toBe(true);
  });

  it('204: giving up; what has become a file stays', async () => {
    const bytes = randomBytes(1_000);
    const path = await create(2_000);
    await patch(path, 0, bytes);
    const gone = await tusRequest(world.owner, 'DELETE', path);
    expect(gone.status, gone.text).toBe(204);
    expect(gone.headers['tus-resumable']).toBe('1.0.0');
    expect((await tusRequest(world.owner, 'HEAD', path)).status).toBe(404);
    expectProblem(await patch(path, 1_000, bytes), 404, 'upload-not-found');
    const other = await create(bytes.length);
    const id = fileIdOf(await patch(other, 0, bytes));
    expect((await tusRequest(world.owner, 'DELETE', other)).status).toBe(204);
    expect((await download(id)).equals(bytes)).toBe(true);
  });

  it('nothing is left in the store of an upload that was given up', async () => {
    const path = await create(20 * MEBIBYTE);
    await patch(path, 0, randomBytes(6 * MEBIBYTE));
    const place = (): Promise<object[]> =>
      world.seed.query(
        `SELECT o.id FROM pending_objects o JOIN upload_sessions s USING (volume, storage_path) WHERE s.uid = $1`,
        [idOf(path)],
      );
    const [row] = (await place()) as { id: string }[];
    expect(row).toBeDefined();
    await tusRequest(world.owner, 'DELETE', path);
    expect(await world.seed.query('SELECT FROM pending_objects WHERE id = $1', [row?.id])).toEqual([]);
  });
});

/** Fewer bytes than anybody sends who wants to get done. @returns what is answered */
async function dribble({ origin, token = '' }: Api, path: string): Promise<string> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(
    `PATCH ${path} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${token}\r\nTus-Resumable: 1.0.0\r\n` +
      `Upload-Offset: 0\r\nContent-Length: 100000\r\nContent-Type: ${OFFSET_TYPE}\r\n\r\n`,
  );
  const timer = setInterval(() => socket.write('x'.repeat(10)), 500);
  await once(socket, 'close').finally(() => {
    clearInterval(timer);
  });
  return Buffer.concat(chunks).toString('latin1');
}

describe('tus: the protocol', () => {
  const world = useWorld();
  /** Half a minute, beside all others. */
  let slow: { readonly path: string; readonly answer: Promise<string> };
  beforeAll(async () => {
    const path = await tusCreate(world.owner, 100_000);
    slow = { path, answer: dribble(world.owner, path) };
  });
  const create = (size: number, metadata: Record<string, string> = {}) =>
    tusCreate(world.owner, size, metadata);
  const patch = (path: string, offset: number | string, body: Buffer, headers = {}) =>
    tusPatch(world.owner, path, offset, body, headers);

  it.each([PATH, `${PATH}/${randomUUID()}`])('OPTIONS %s says what there is, to anybody', async (path) => {
    const answer = await world.anonymous.send(path, { method: 'OPTIONS' });
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      'tus-resumable': '1.0.0',
      'tus-version': '1.0.0',
      'tus-extension': 'creation,creation-with-upload,expiration,termination,checksum',
      'tus-max-size': String(UPLOAD_MAX_SIZE),
      'tus-checksum-algorithm': 'sha1,sha256,md5',
    });
    const versioned = await world.anonymous.send(path, {
      method: 'OPTIONS',
      headers: { 'Tus-Resumable': '9' },
    });
    expect(versioned.status).toBe(204);
  });

  it.each([undefined, '0.2.2', '1.0', '1.0.0, 0.2.2', ''])('412: Tus-Resumable %j', async (version) => {
    const path = await create(10);
    for (const [method, where] of [
      ['POST', PATH],
      ['HEAD', path],
      ['PATCH', path],
      ['DELETE', path],
    ] as const) {
      const answer = await tusRequest(world.owner, method, where, {
        'Tus-Resumable': version,
        'Upload-Length': 10,
        'Upload-Offset': 0,
        ...(method === 'PATCH' && { 'Content-Type': OFFSET_TYPE }),
      });
      expect(answer.headers).toMatchObject({ 'tus-version': '1.0.0', 'tus-resumable': '1.0.0' });
      if (method === 'HEAD') expect(answer.status).toBe(412);
      else expectProblem(answer, 412, 'tus-version-unsupported');
    }
    expect(await tusOffset(world.owner, path)).toBe(0);
  });

  it('HEAD: everything that was announced, and never from a cache', async () => {
    const path = await create(10, { empty: '', filetype: 'a/b' });
    const answer = await tusRequest(world.owner, 'HEAD', path);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'tus-resumable': '1.0.0',
      'cache-control': 'no-store',
      'upload-offset': '0',
      'upload-length': '10',
      'upload-metadata': tusMetadata({ filename: 'a.bin', empty: '', filetype: 'a/b' }),
    });
    expect(Date.parse(String(answer.headers['upload-expires']))).toBeGreaterThan(Date.now());
    expect(answer.headers['upload-expires']).toMatch(/ GMT$/);
    expect(answer.body).toHaveLength(0);
  });

  it('HEAD 404 and 410 say no offset', async () => {
    const path = await create(10);
    await world.seed.query('UPDATE upload_sessions SET expires_at = now() WHERE uid = $1', [
      path.split('/').at(-1),
    ]);
    for (const [where, status] of [
      [path, 410],
      [`${PATH}/${randomUUID()}`, 404],
      [`${PATH}/x`, 404],
    ] as const) {
      const answer = await tusRequest(world.owner, 'HEAD', where);
      expect(answer.status).toBe(status);
      expect(answer.headers['upload-offset']).toBeUndefined();
      expect(answer.headers['tus-resumable']).toBe('1.0.0');
    }
    expectProblem(await patch(path, 0, randomBytes(1)), 410, 'upload-expired');
    expectProblem(await tusRequest(world.owner, 'DELETE', path), 410, 'upload-expired');
  });

  it('each request with bytes puts the expiry off', async () => {
    const path = await create(10);
    await world.seed.query(
      `UPDATE upload_sessions SET expires_at = now() + interval '5 s', created_at = now() - interval '2 days' WHERE uid = $1`,
      [path.split('/').at(-1)],
    );
    const answer = await patch(path, 0, randomBytes(5));
    expect(Date.parse(String(answer.headers['upload-expires']))).toBeGreaterThan(Date.now() + 3_600_000);
    const [row] = await world.seed.query<{ kept: boolean }>(
      `SELECT o.kept_until = s.expires_at AS kept FROM upload_sessions s
       JOIN pending_objects o ON o.volume = s.volume AND o.storage_path = s.storage_path WHERE s.uid = $1`,
      [path.split('/').at(-1)],
    );
    expect(row?.kept).toBe(true);
  });

  it.each([1, 9, 11, 99])(
    '409: Upload-Offset %i where 5 bytes are there, and nothing changes',
    async (offset) => {
      const path = await create(10);
      await patch(path, 0, randomBytes(5));
      const answer = await patch(path, offset, offset < 10 ? randomBytes(1) : Buffer.alloc(0));
      expectProblem(
        answer,
        offset > 10 ? 413 : 409,
        offset > 10 ? 'payload-too-large' : 'upload-offset-mismatch',
      );
      expect(await tusOffset(world.owner, path)).toBe(5);
    },
  );

  it.each([undefined, '', '-1', '1.5', 'x', '0x1', '1e3', '99999999999999999'])(
    '400: Upload-Offset %j',
    async (offset) => {
      const path = await create(10);
      const answer = await tusRequest(
        world.owner,
        'PATCH',
        path,
        { 'Upload-Offset': offset, 'Content-Type': OFFSET_TYPE },
        randomBytes(1),
      );
      expectProblem(answer, 400, 'validation-failed');
    },
  );

  it.each([undefined, 'application/octet-stream', 'application/json', 'text/plain', 'multipart/form-data'])(
    '415: bytes as %s',
    async (type) => {
      const path = await create(10);
      const answer = await patch(path, 0, randomBytes(10), { 'Content-Type': type });
      expectProblem(answer, 415, 'unsupported-media-type');
      expect(answer.headers['tus-resumable']).toBe('1.0.0');
      expect(await tusOffset(world.owner, path)).toBe(0);
      const created = await tusRequest(
        world.owner,
        'POST',
        PATH,
        { 'Upload-Length': 10, 'Content-Type': type },
        randomBytes(10),
      );
      expectProblem(created, 415, 'unsupported-media-type');
    },
  );

  it('413: more bytes than were announced, whether the length is said or not', async () => {
    const path = await create(10);
    expectProblem(await patch(path, 0, randomBytes(11)), 413, 'payload-too-large');
    await patch(path, 0, randomBytes(5));
    expectProblem(await patch(path, 5, randomBytes(6)), 413, 'payload-too-large');
    const body = new PassThrough();
    body.end(randomBytes(500_000));
    const headers = { 'Transfer-Encoding': 'chunked' };
    expectProblem(await tusPatch(world.owner, path, 5, body, headers), 413, 'payload-too-large');
    expect(await tusOffset(world.owner, path)).toBe(5);
  });

  it('a request without bytes changes nothing; a completed upload takes no more', async () => {
    const bytes = randomBytes(10);
    const path = await create(10);
    expect((await patch(path, 0, Buffer.alloc(0))).headers['upload-offset']).toBe('0');
    const id = fileIdOf(await patch(path, 0, bytes));
    const again = await patch(path, 10, Buffer.alloc(0));
    expect(again.status, again.text).toBe(204);
    expect(fileIdOf(again)).toBe(id);
    expectProblem(await patch(path, 0, bytes), 409, 'upload-offset-mismatch');
    expectProblem(await patch(path, 10, randomBytes(1)), 409, 'upload-offset-mismatch');
  });

  it.each([
    'sha512 AAAA',
    'sha1',
    'sha1 ',
    'sha1 AAAA',
    'md5 !!!!',
    'crc32 AAAAAA==',
    '',
    'toString AAAA',
    'sha1  qUqP5cyxm6YcTAhz05Hph5gvu9M=',
  ])('400: Upload-Checksum %j', async (checksum) => {
    const path = await create(10);
    const answer = await patch(path, 0, randomBytes(10), { 'Upload-Checksum': checksum });
    expectProblem(answer, 400, 'validation-failed');
    expect(await tusOffset(world.owner, path)).toBe(0);
  });

  it.each<[string, Record<string, string | number | undefined>]>([
    ['no Upload-Length', { 'Upload-Length': undefined }],
    ['a negative one', { 'Upload-Length': -1 }],
    ['one that is no number', { 'Upload-Length': 'ten' }],
    ['one beyond all numbers', { 'Upload-Length': '9'.repeat(16) }],
    ['one with a sign', { 'Upload-Length': '+1' }],
    ['Upload-Defer-Length', { 'Upload-Length': undefined, 'Upload-Defer-Length': 1 }],
    ['Upload-Concat', { 'Upload-Concat': 'partial' }],
    ['metadata that is not base64', { 'Upload-Metadata': 'filename a.bin' }],
    ['metadata with a value in two', { 'Upload-Metadata': 'filename YQ== YQ==' }],
    ['metadata without a key', { 'Upload-Metadata': ',' }],
    ['metadata with an empty pair', { 'Upload-Metadata': 'filename YQ==,' }],
    ['metadata with a key twice', { 'Upload-Metadata': 'filename YQ==,filename Yg==' }],
    ['metadata with unpadded base64', { 'Upload-Metadata': 'filename YQ' }],
    ['a name that is not UTF-8', { 'Upload-Metadata': 'filename /w==' }],
    ['a name of 260 bytes', { 'Upload-Metadata': tusMetadata({ filename: 'a'.repeat(260) }) }],
    ['a name with a control character', { 'Upload-Metadata': tusMetadata({ filename: 'a\nb' }) }],
    ['a name that is a folder', { 'Upload-Metadata': tusMetadata({ filename: 'a/..' }) }],
    ['a visibility that is none', { 'Upload-Metadata': tusMetadata({ visibility: 'secret' }) }],
    ['a hash that is none', { 'Upload-Metadata': tusMetadata({ sha256: 'abc' }) }],
  ])('400: %s', async (_, headers) => {
    const answer = await tusRequest(world.owner, 'POST', PATH, { 'Upload-Length': 10, ...headers });
    expectProblem(answer, 400, 'validation-failed');
    expect(answer.headers.location).toBeUndefined();
  });

  it('413: a file that is too large by a byte; 403 and 400: volumes are for admins, and must be there', async () => {
    const ask = (api = world.owner, size = 1, metadata = {}) =>
      tusRequest(api, 'POST', PATH, { 'Upload-Length': size, 'Upload-Metadata': tusMetadata(metadata) });
    expectProblem(await ask(world.owner, UPLOAD_MAX_SIZE + 1), 413, 'payload-too-large');
    expectProblem(await ask(world.owner, 1, { volume: 'local' }), 403, 'forbidden');
    expectProblem(await ask(world.admin, 1, { volume: 'x' }), 400, 'validation-failed');
    expect((await ask(world.admin, 1, { volume: 'local' })).status).toBe(201);
  });

  it.each<[string, string | undefined, string, string]>([
    ['no metadata', undefined, 'upload.bin', 'application/octet-stream'],
    ['an empty name', 'filename', 'upload.bin', 'application/octet-stream'],
    ['name and type', tusMetadata({ name: 'b.txt', type: 'text/plain' }), 'b.txt', 'text/plain'],
    ['a path', tusMetadata({ filename: 'C:\\x/y.txt' }), 'y.txt', 'application/octet-stream'],
    ['spaces between the pairs', `filename Yg==, other YQ==`, 'b', 'application/octet-stream'],
    [
      'a type that cannot be read',
      tusMetadata({ filename: 'b', filetype: '?' }),
      'b',
      'application/octet-stream',
    ],
  ])('201: %s', async (_, metadata, filename, contentType) => {
    const headers = { 'Upload-Length': 0, 'Upload-Metadata': metadata };
    const answer = await tusRequest(world.owner, 'POST', PATH, headers);
    const file = await world.owner.send(`/api/v1/files/${fileIdOf(answer)}`);
    expect(file.json).toMatchObject({ filename, contentType });
  });

  it('X-HTTP-Method-Override: POST for those who can send nothing else', async () => {
    const bytes = randomBytes(10);
    const path = await create(10);
    const post = (method: string | undefined, headers = {}, body?: Buffer) =>
      tusRequest(world.owner, 'POST', path, { 'X-HTTP-Method-Override': method, ...headers }, body);
    const headers = { 'Upload-Offset': 0, 'Content-Type': OFFSET_TYPE };
    const sent = await post('PATCH', headers, bytes.subarray(0, 4));
    expect(sent.status, sent.text).toBe(204);
    expect((await post('HEAD')).headers['upload-offset']).toBe('4');
    const wrong = await post('PATCH', headers, bytes);
    expectProblem(wrong, 409, 'upload-offset-mismatch');
    for (const method of [undefined, 'GET', 'patch', 'PUT'])
      expectProblem(await post(method), 400, 'validation-failed');
    expect((await post('DELETE')).status).toBe(204);
    expect((await tusRequest(world.owner, 'HEAD', path)).status).toBe(404);
  });

  it('creation whose bytes are refused leaves nothing', async () => {
    const count = async () =>
      (await world.seed.query('SELECT FROM upload_sessions WHERE tenant_id = $1', [world.tenantId])).length;
    const before = await count();
    const answer = await tusRequest(
      world.owner,
      'POST',
      PATH,
      {
        'Upload-Length': 10,
        'Content-Type': OFFSET_TYPE,
        'Upload-Checksum': tusChecksum('sha1', Buffer.from('x')),
      },
      randomBytes(10),
    );
    expectProblem(answer, 460, 'checksum-mismatch');
    expect(await count()).toBe(before);
  });

  it('404: nobody finds the upload of another, nor by another protocol', async () => {
    const path = await create(10);
    for (const other of [world.member, world.admin, world.foreign, world.foreignAdmin]) {
      expect((await tusRequest(other, 'HEAD', path)).status).toBe(404);
      expectProblem(await tusPatch(other, path, 0, randomBytes(1)), 404, 'upload-not-found');
      expectProblem(await tusRequest(other, 'DELETE', path), 404, 'upload-not-found');
    }
    const uploadId = path.split('/').at(-1) ?? '';
    expectProblem(await putChunk(world.owner, { uploadId }, 0, randomBytes(10)), 404, 'upload-not-found');
    const chunks = await beginUpload(world.owner, { size: 10 });
    expectProblem(await patch(`${PATH}/${chunks.uploadId}`, 0, randomBytes(1)), 404, 'upload-not-found');
  });

  it('errors of every kind say the version', async () => {
    const path = await create(1);
    const unknown = await tusRequest(world.anonymous, 'HEAD', path);
    expect(unknown.status).toBe(401);
    expect(unknown.headers['tus-resumable']).toBe('1.0.0');
  });

  it('a client that waits for 100 before it sends', async () => {
    const bytes = randomBytes(100_000);
    const answer = await patch(await create(bytes.length), 0, bytes, { Expect: '100-continue' });
    expect(answer.status, answer.text).toBe(204);
  });

  it('408: a body that comes slower than anybody needs; what came is kept', { timeout: 60_000 }, async () => {
    const answer = await slow.answer;
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('"code":"request-timeout"');
    const offset = await until(
      () => tusOffset(world.owner, slow.path),
      (now) => now > 0,
    );
    expect(offset).toBeGreaterThan(100);
    expect(offset).toBeLessThan(2_000);
  });
});
