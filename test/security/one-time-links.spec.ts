import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { expectProblem, type FileJson } from '../harness/api.js';
import { listed, mint, type TokenJson } from '../harness/download-tokens.js';
import type { Answer, Request } from '../harness/http.js';
import { sendRaw, statusesOf } from '../harness/raw-http.js';
import { SlowDownload } from '../harness/slow-download.js';
import { type Mode, MODES, originOf, useWorld } from '../harness/world.js';

/** Somebody who was sent a link for one download, and wants more of it, or to waste it for others. */
describe.each(MODES)('a link for one download is one download (%s)', (mode: Mode) => {
  const world = useWorld(mode);
  const bytes = randomBytes(2_000);

  interface Link {
    readonly file: FileJson;
    readonly token: TokenJson;
    readonly path: string;
    get(request?: Request): Promise<Answer>;
    used(): Promise<number | undefined>;
  }
  const newLink = async (terms: object = {}): Promise<Link> => {
    const file = await world.owner.upload(bytes);
    const token = await mint(world.owner, file.id, { maxDownloads: 1, ...terms });
    const path = `/download/${file.id}?token=${token.token}`;
    return {
      file,
      token,
      path,
      get: (request) => world.anonymous.send(path, request),
      used: async () => (await listed(world.owner, file.id)).find(({ id }) => id === token.id)?.used,
    };
  };
  const STRANGER = { headers: { 'User-Agent': 'a stranger' } };
  const expectSpent = async (link: Link): Promise<void> => {
    expect(await link.used()).toBe(1);
    expectProblem(await link.get(STRANGER), 403, 'token-exhausted');
  };
  const expectWhole = (link: Link): Promise<void> =>
    link.get(STRANGER).then(({ status, body }) => {
      expect([status, body.equals(bytes)]).toEqual([200, true]);
    });

  describe('no request gets more than a probe for nothing', () => {
    it.each<[string, Record<string, string>]>([
      ['a probe whose If-Range is of something else', { Range: 'bytes=0-0', 'If-Range': '"another"' }],
      ['a probe whose If-Range is weak', { Range: 'bytes=0-1', 'If-Range': 'W/"another"' }],
      ['a probe with an old date', { Range: 'bytes=0-0', 'If-Range': 'Mon, 01 Jan 2001 00:00:00 GMT' }],
      ['a probe with no date', { Range: 'bytes=0-0', 'If-Range': 'yesterday' }],
      ['a probe and more', { Range: 'bytes=0-1,5-9' }],
      ['a probe in another case', { Range: 'Bytes=0-0' }],
      ['a probe with a zero in front', { Range: 'bytes=00-0' }],
      ['a probe with a space', { Range: 'bytes= 0-0' }],
      ['a probe in a list', { Range: 'bytes=0-0,' }],
      ['a probe twice', { Range: 'bytes=0-0,0-0' }],
      ['the last byte', { Range: 'bytes=-1' }],
      ['one byte more than a probe', { Range: 'bytes=0-2' }],
      ['a whole file by a range', { Range: 'bytes=0-' }],
      ['no unit that we know', { Range: 'items=0-0' }],
      ['no form that we know', { Range: 'bytes=x' }],
      ['no length', { Range: 'bytes=-' }],
      ['backwards', { Range: 'bytes=1-0' }],
      ['an empty Range', { Range: '' }],
      ['a condition that nginx would judge', { 'If-Match': '*', Range: 'bytes=0-2' }],
    ])('%s', async (_name, headers) => {
      const link = await newLink();
      expect([200, 206]).toContain((await link.get({ headers })).status);
      await expectSpent(link);
    });

    it('two Range headers', async () => {
      const link = await newLink();
      const answer = await link.get({ headers: { Range: ['bytes=0-0', 'bytes=0-1'] } });
      expect([answer.status, answer.body.length]).toEqual([200, bytes.length]);
      await expectSpent(link);
    });

    it('spaces around it make no other Range of a probe', async () => {
      const link = await newLink();
      const answers = await sendRaw(
        originOf(world.stack, mode),
        `GET ${link.path} HTTP/1.1\r\nHost: x\r\nRange:  bytes=0-0 \t\r\nConnection: close\r\n\r\n`,
      );
      expect(statusesOf(answers)).toEqual([206]);
      expect(answers).toMatch(/content-range: bytes 0-0\/2000/i);
      await expectWhole(link);
    });

    it('an empty file is one that is downloaded', async () => {
      const file = await world.owner.upload(Buffer.alloc(0));
      const { token } = await mint(world.owner, file.id, { maxDownloads: 1 });
      const ask = () =>
        world.anonymous.send(`/download/${file.id}?token=${token}`, { headers: { Range: 'bytes=0-0' } });
      expect((await ask()).status).toBe(200);
      expectProblem(await ask(), 403, 'token-exhausted');
    });

    it('probes are ten, however they come', async () => {
      const link = await newLink();
      const asked = await Promise.all(
        Array.from({ length: 40 }, (_, at) =>
          link.get({ headers: { Range: `bytes=0-${at % 2}`, 'User-Agent': `agent ${at}` } }),
        ),
      );
      expect(asked.filter(({ status }) => status === 206)).toHaveLength(10);
      await expectWhole(link);
    });
  });

  describe('nobody wastes it', () => {
    it.each(['HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'QUERY', 'REPORT'])(
      'by %s',
      async (method) => {
        const link = await newLink();
        for (const headers of [{}, { 'X-HTTP-Method-Override': 'GET', 'X-Method-Override': 'GET' }]) {
          const { status, body } = await link.get({ method, headers });
          if (method === 'HEAD') expect([status, body.length]).toEqual([200, 0]);
          else expect([400, 404, 405]).toContain(status);
        }
        expect(await link.used()).toBe(0);
        await expectWhole(link);
      },
    );

    it.each([
      { 'Sec-Purpose': 'prefetch' },
      { 'Sec-Purpose': 'prefetch;prerender' },
      { 'Sec-Purpose': 'prefetch; anonymous-client-ip' },
      { 'Sec-Purpose': ' PREFETCH ' },
      { 'Sec-Purpose': 'other, prefetch' },
      { 'Sec-Purpose': ['other', 'prefetch'] },
      { Purpose: 'prefetch' },
      { PURPOSE: 'Prefetch' },
    ])('by a prefetch %j', async (headers) => {
      const link = await newLink();
      for (const more of [{}, { Range: 'bytes=5-' }, { Range: 'bytes=0-0' }]) {
        expectProblem(await link.get({ headers: { ...headers, ...more } }), 403, 'prefetch-refused');
      }
      expect(await link.used()).toBe(0);
      await expectWhole(link);
    });

    it.each<[string, Record<string, string>]>([
      ['304', { 'If-None-Match': '*' }],
      ['412', { 'If-Match': '"another"' }],
      ['416', { Range: 'bytes=5000-' }],
      ['400', { Authorization: 'Bearer x' }],
      ['400', { 'X-API-Key': 'x' }],
    ])('by an answer %s', async (status, headers) => {
      const link = await newLink();
      for (let round = 0; round < 3; round += 1) {
        expect((await link.get({ headers })).status).toBe(Number(status));
      }
      expect(await link.used()).toBe(0);
      await expectWhole(link);
    });
  });

  describe('nobody multiplies it', () => {
    it('by the id of a request, of a download or of an nginx: 20 at once', async () => {
      for (let round = 0; round < 5; round += 1) {
        const link = await newLink();
        const headers = {
          'X-Request-Id': '0123456789abcdef0123456789abcdef',
          'X-Nginx-Instance': `claimed${round}`,
          'X-Forwarded-For': '127.0.0.1',
          'X-Download-Id': '07AAAAAAAAAAAAAAAAAAAAAA',
          'X-Accel-Redirect': '/_accel/local/whole/x',
          'X-Store-Range': 'bytes=0-',
        };
        const answers = await Promise.all(Array.from({ length: 20 }, () => link.get({ headers })));
        expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array<number>(19).fill(403)]);
        expect((await link.get({ headers })).status).toBe(403);
        await expectSpent(link);
      }
    });

    it('by several requests on one connection', async () => {
      const link = await newLink();
      const request = `GET ${link.path} HTTP/1.1\r\nHost: x\r\n\r\n`;
      const answers = await sendRaw(originOf(world.stack, mode), request.repeat(10));
      expect(statusesOf(answers).toSorted()).toEqual([200, ...Array<number>(9).fill(403)]);
      await expectSpent(link);
    });

    it('by HTTP/1.0', async () => {
      const link = await newLink();
      const origin = originOf(world.stack, mode);
      const ask = () => sendRaw(origin, `GET ${link.path} HTTP/1.0\r\n\r\n`);
      expect(statusesOf(await ask())).toEqual([200]);
      expect(statusesOf(await ask())).toEqual([403]);
      await expectSpent(link);
    });

    it('by HTTP/0.9, where somebody still speaks it', async () => {
      const link = await newLink();
      const origin = originOf(world.stack, mode);
      const secret = bytes.toString('latin1');
      const answers = [];
      for (let round = 0; round < 3; round += 1) answers.push(await sendRaw(origin, `GET ${link.path}\r\n`));
      expect(answers.filter((answer) => answer.includes(secret)).length).toBeLessThanOrEqual(1);
    });

    it('by cookies: forged, somebody else’s, of another link, of another file, many, or huge', async () => {
      const [link, other] = [await newLink(), await newLink()];
      const again = await mint(world.owner, link.file.id, { maxDownloads: 1 });
      const cookieOf = async (path: string): Promise<string> => {
        const begun = await SlowDownload.begin(originOf(world.stack, mode) + path);
        expect(begun.status).toBe(200);
        begun.cut();
        return begun.cookie.replace(/^dl=/, '');
      };
      const foreign = [
        await cookieOf(other.path),
        await cookieOf(`/download/${link.file.id}?token=${again.token}`),
      ];
      const begun = await SlowDownload.begin(originOf(world.stack, mode) + link.path, STRANGER.headers);
      const own = begun.cookie.replace(/^dl=/, '');
      const id = begun.downloadId;
      begun.cut();
      const wrong = [
        ...foreign,
        randomBytes(16).toString('base64url'),
        id,
        id.slice(2),
        link.token.id,
        `${own}A`,
        own.slice(1),
        own.toLowerCase(),
        `"${own}"`,
        `%${own}`,
        '',
        'A'.repeat(3_500),
        '{b07}*',
      ];
      for (const value of wrong) {
        for (const cookie of [`dl=${value}`, `dl=${value}; dl=${value}`, `x=1;;; dl = ${value}`]) {
          for (const headers of [{ Cookie: cookie }, { Cookie: cookie, Range: 'bytes=5-' }]) {
            const answer = await link.get({ headers });
            expect(answer.status, cookie.slice(0, 60)).toBe(403);
            expect(answer.headers['set-cookie']).toBeUndefined();
          }
        }
      }
      expect(await link.used()).toBe(1);
    });

    it('by what everybody may know: the ids of the token and of the download', async () => {
      const link = await newLink();
      const begun = await SlowDownload.begin(originOf(world.stack, mode) + link.path, STRANGER.headers);
      const { downloadId, cookie } = begun;
      begun.cut();
      expect(cookie).not.toContain(downloadId.slice(2));
      for (const path of [
        `/download/${downloadId}`,
        `/download/${link.file.id}?token=${link.token.id}`,
        `/download/${link.file.id}?token=${downloadId}`,
        `/download/${link.file.id}?downloadId=${downloadId}`,
      ]) {
        const { status } = await world.anonymous.send(path, { headers: { 'X-Download-Id': downloadId } });
        expect([400, 401, 403], path).toContain(status);
      }
    });
  });

  describe('a token is read in one place, once', () => {
    it.each<[string, (token: string) => string, number]>([
      ['written with an escape', (token) => `?%74oken=${token}`, 200],
      ['its value escaped', (token) => `?token=%64${token.slice(1)}`, 200],
      ['beside others', (token) => `?a=1&token=${token}&b=`, 200],
      ['twice', (token) => `?token=${token}&token=${token}`, 400],
      ['twice, once with an escape', (token) => `?token=x&%74oken=${token}`, 400],
      ['as an array', (token) => `?token[]=${token}`, 401],
      ['as a member', (token) => `?token[x]=${token}`, 401],
      ['behind a semicolon', (token) => `?a=1;token=${token}`, 401],
      ['behind a second question mark', (token) => `?a=1?token=${token}`, 401],
      ['behind a fragment', (token) => `?a=1%23&token[]=${token}#token=${token}`, 401],
      ['in another case', (token) => `?Token=${token}`, 401],
      ['in the path', (token) => `;token=${token}`, 400],
      ['with something behind it', (token) => `?token=${token}%00`, 403],
      ['with a line end behind it', (token) => `?token=${token}%0A`, 403],
      ['with a space before it', (token) => `?token=+${token}`, 403],
      ['in another case of its letters', (token) => `?token=${token.toUpperCase()}`, 403],
      ['cut', (token) => `?token=${token.slice(0, -1)}`, 403],
    ])('%s', async (_name, query, status) => {
      const link = await newLink();
      const answer = await world.anonymous.send(`/download/${link.file.id}${query(link.token.token)}`);
      expect(answer.status, answer.text.slice(0, 200)).toBe(status);
      expect(await link.used()).toBe(status === 200 ? 1 : 0);
    });

    it.each([
      (token: string) => ({ Authorization: `Bearer ${token}` }),
      (token: string) => ({ Authorization: token }),
      (token: string) => ({ 'X-API-Key': token }),
      (token: string) => ({ 'X-Token': token, Token: token }),
      (token: string) => ({ Cookie: `token=${token}; dl=${token}` }),
      (token: string) => ({ Referer: `http://x/?token=${token}` }),
    ])('not in a header (%#)', async (headers) => {
      const link = await newLink();
      const answer = await world.anonymous.send(`/download/${link.file.id}`, {
        headers: headers(link.token.token),
      });
      expectProblem(answer, 401, 'unauthenticated');
      expect(await link.used()).toBe(0);
    });
  });
});
