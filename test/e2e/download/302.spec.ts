import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileJson } from '../../harness/api.js';
import { type Answer, send } from '../../harness/http.js';
import { HAS_MINIO } from '../../harness/stores.js';
import { useWorld } from '../../harness/world.js';

const run = promisify(execFile);

/** The application behind the shared nginx has the volume in its default delivery, `auto`. */
describe.skipIf(!HAS_MINIO)('GET /download/:fileId → 302', () => {
  const world = useWorld();
  const bytes = randomBytes(17 * 2 ** 20);
  const NAME = 'отчёт 100% "final" (1).bin';
  let file: FileJson;
  let folder: string;

  beforeAll(async () => {
    file = await world.owner
      .via(world.stack.s3Url ?? '')
      .upload(bytes, { filename: NAME, type: 'application/pdf' });
    folder = await mkdtemp(join(tmpdir(), 'redirect-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const locationOf = ({ headers }: Answer) => new URL(headers.location ?? '');
  const follow = async (headers: Record<string, string> = {}) => {
    const { origin, pathname, search } = locationOf(await world.owner.download(file.id, headers));
    return send(origin, pathname + search, { headers });
  };

  it('sends the client to the store, by a URL of its own life, which nobody may keep', async () => {
    const answer = await world.owner.download(file.id);
    expect(answer.status).toBe(302);
    expect(answer.body).toHaveLength(0);
    expect(answer.headers['cache-control']).toBe('private, no-store');
    const location = locationOf(answer);
    expect(location.origin).toBe(world.stack.s3Endpoint);
    expect(location.searchParams.get('X-Amz-Expires')).toBe('300');
    expect(location.pathname).not.toContain(file.sha256);
    for (const header of ['etag', 'content-disposition', 'set-cookie', 'x-accel-redirect']) {
      expect(answer.headers[header]).toBeUndefined();
    }
  });

  it('where it finds the same bytes, under the name and type of the file', async () => {
    const answer = await follow();
    expect(answer.status).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
    const direct = await world.owner.via(world.stack.s3Url ?? '').download(file.id, {}, 'HEAD');
    expect(answer.headers['content-disposition']).toBe(direct.headers['content-disposition']);
    expect(answer.headers['content-type']).toBe('application/pdf');
  });

  it.each(['bytes=0-9', 'bytes=1000-1999', 'bytes=17000000-', 'bytes=-7'])(
    'and the same range: %s',
    async (range) => {
      const [redirected, ours] = await Promise.all([
        follow({ Range: range }),
        world.owner.via(world.stack.s3Url ?? '').download(file.id, { Range: range }),
      ]);
      expect(redirected.status).toBe(206);
      expect(redirected.headers['content-range']).toBe(ours.headers['content-range']);
      expect(redirected.body.equals(ours.body)).toBe(true);
    },
  );

  it.each(['bytes=0-0', 'bytes=0-1'])('a probe is answered here: %s', async (range) => {
    const answer = await world.owner.download(file.id, { Range: range });
    expect({ status: answer.status, location: answer.headers.location }).toEqual({ status: 206 });
  });

  it('HEAD is answered here, with the headers of the file', async () => {
    const answer = await world.owner.download(file.id, {}, 'HEAD');
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      etag: `"${file.sha256}"`,
      'content-length': String(bytes.length),
      'accept-ranges': 'bytes',
    });
  });

  it('conditions are judged here, before any redirect', async () => {
    const etag = `"${file.sha256}"`;
    const status = async (headers: Record<string, string>) =>
      (await world.owner.download(file.id, headers)).status;
    expect(await status({ 'If-None-Match': etag })).toBe(304);
    expect(await status({ 'If-Match': '"x"' })).toBe(412);
    expect(await status({ Range: `bytes=${bytes.length}-` })).toBe(416);
    expect(await status({ 'If-Match': etag })).toBe(200);
    expect(await status({ 'If-None-Match': '"x"' })).toBe(200);
    expect(await status({ Range: 'bytes=0-9,20-29' })).toBe(206);
  });

  it.each(['of ours', "the store's"])(
    'a download that was cut goes on here with the tag %s',
    async (whose) => {
      const first = await follow({ Range: 'bytes=0-999999' });
      const tag = whose === 'of ours' ? `"${file.sha256}"` : (first.headers.etag ?? '');
      expect(tag).toMatch(/^".+"$/);
      const rest = await world.owner.download(file.id, { Range: 'bytes=1000000-', 'If-Range': tag });
      expect(rest.status).toBe(206);
      expect(rest.headers['content-range']).toBe(`bytes 1000000-${bytes.length - 1}/${bytes.length}`);
      expect(Buffer.concat([first.body, rest.body]).equals(bytes)).toBe(true);
    },
  );

  it.each(['"other"', 'W/"other"'])('and begins anew with a tag of neither: %s', async (tag) => {
    const answer = await world.owner.download(file.id, { Range: 'bytes=1000000-', 'If-Range': tag });
    expect(answer.status).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
  });

  it('the URL opens that object, with that signature, by GET, and nothing else', async () => {
    const location = locationOf(await world.owner.download(file.id));
    const status = async (path: string, method = 'GET') =>
      (await send(location.origin, path, { method })).status;
    expect(await status(location.pathname + location.search)).toBe(200);
    expect(await status(location.pathname)).toBe(403);
    const other = await world.owner
      .via(world.stack.s3Url ?? '')
      .upload(Buffer.from('other'), { filename: 'b' });
    const neighbour = locationOf(await world.owner.download(other.id)).pathname;
    expect(await status(neighbour + location.search)).toBe(403);
    const forged = new URL(location);
    forged.searchParams.set('response-content-type', 'text/html');
    expect(await status(forged.pathname + forged.search)).toBe(403);
    for (const method of ['PUT', 'DELETE']) {
      expect(await status(location.pathname + location.search, method)).toBe(403);
    }
    const folder = location.pathname.split('/').slice(0, 2).join('/');
    expect(await status(`${folder}/${location.search}`)).toBe(403);
  });

  it('refusals are the same as without a store', async () => {
    expect((await world.anonymous.download(file.id)).status).toBe(401);
    expect((await world.member.download(file.id)).status).toBe(404);
    expect((await world.foreignAdmin.download(file.id)).status).toBe(404);
  });

  const clients: [string, string, (url: string, authorization: string) => string[]][] = [
    ['curl -L', 'whole', (url, authorization) => ['curl', '-sSfL', '-o', 'whole', '-H', authorization, url]],
    [
      'curl -L -C -',
      'cut',
      (url, authorization) => ['curl', '-sSfL', '-C', '-', '-o', 'cut', '-H', authorization, url],
    ],
    [
      'wget -c',
      'cut',
      (url, authorization) => ['wget', '-q', '-c', '-O', 'cut', '--header', authorization, url],
    ],
    [
      'aria2c -x16',
      'segments',
      (url, authorization) => [
        'aria2c',
        '-q',
        '-x16',
        '-k1M',
        '-o',
        'segments',
        '--header',
        authorization,
        url,
      ],
    ],
  ];
  it.each(clients)('%s gets it, redirected or not', async (_, got, command) => {
    const cut = join(folder, 'cut');
    await writeFile(cut, bytes);
    await truncate(cut, 5_000_000);
    const [program = '', ...args] = command(
      `${world.stack.publicUrl}/download/${file.id}`,
      `Authorization: Bearer ${world.owner.token ?? ''}`,
    );
    await run(program, args, { cwd: folder });
    expect((await readFile(join(folder, got))).equals(bytes)).toBe(true);
  });
});
