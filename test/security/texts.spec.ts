import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectProblem, type FileJson } from '../harness/api.js';
import { mint, tokensOf } from '../harness/download-tokens.js';
import { MODES, type Mode, useWorld } from '../harness/world.js';

const SQL = `'; DROP TABLE files; --`;
const LUA = `"}]'); redis.call('FLUSHALL') --`;
const JSON_TEXT = `","size":0,"token":null,"refused":"`;
const LOG = `"}\u00a0{"time":"2026-01-01T00:00:00Z","instance":"x"}`;

/** Texts that clients choose, and that pass through SQL, Lua, JSON, keys of Redis, headers and logs. */
describe.each(MODES)('odd texts are texts (%s)', (mode: Mode) => {
  const world = useWorld(mode);
  const bytes = randomBytes(500);
  let file: FileJson;
  beforeAll(async () => {
    file = await world.owner.upload(bytes);
  });

  const all = async () => {
    const [row] = await world.seed.query<{ files: string }>('SELECT count(*) AS files FROM files');
    return Number(row?.files);
  };

  it.each([
    SQL,
    LUA,
    JSON_TEXT,
    LOG,
    '{b07}',
    '*',
    '%s%n%00',
    '\\u0000\\',
    'é\u00ff',
    '\t',
    '',
    'A'.repeat(7_500),
    '"'.repeat(3_000),
  ])('as User-Agent and Cookie: %j', async (text) => {
    const before = await all();
    const { token } = await mint(world.owner, file.id, { maxDownloads: 1 });
    const path = `/download/${file.id}?token=${token}`;
    for (const name of ['User-Agent', 'Cookie']) {
      const headers = { [name]: text };
      expect((await world.anonymous.send(path, { headers, method: 'HEAD' })).status).toBe(200);
      const answer = await world.owner.send(`/download/${file.id}`, { headers });
      expect([answer.status, answer.body.equals(bytes)]).toEqual([200, true]);
    }
    const answer = await world.anonymous.send(path, { headers: { 'User-Agent': text } });
    expect([answer.status, answer.body.equals(bytes)]).toEqual([200, true]);
    expectProblem(
      await world.anonymous.send(path, { headers: { 'User-Agent': text } }),
      403,
      'token-exhausted',
    );
    expect(await all()).toBeGreaterThanOrEqual(before);
  });

  it.each([
    SQL,
    LUA.replaceAll('/', ''),
    JSON_TEXT,
    '{b07}',
    'a"; filename="b.exe',
    "a'; filename*=UTF-8''b.exe",
    'gpj.\u202eexe',
    '🙂'.repeat(255),
    '%0d%0aSet-Cookie: a=b',
    '__proto__',
  ])('as the filename of a link: %j', async (filename) => {
    const { token } = await mint(world.owner, file.id, { filename });
    const answer = await world.anonymous.send(`/download/${file.id}?token=${token}`);
    expect([answer.status, answer.body.equals(bytes)]).toEqual([200, true]);
    const disposition = String(answer.headers['content-disposition']);
    expect(disposition).toMatch(
      /^attachment; filename(?:="(?:[^"\\]|\\.)*"|=[\w.{}-]+|\*=UTF-8''[^;]+)(?:; filename\*=UTF-8''[\w%.!#$&+^`|~-]+)?$/,
    );
    expect(answer.headers['set-cookie']?.join()).not.toContain('a=b');
  });

  it.each(['a\r\nX: y', 'a\0', '\u007f', '\ud800', 'a/b', 'a\\b', '..', '', 'x'.repeat(256)])(
    'not as the filename of a link: %j',
    async (filename) => {
      const answer = await world.owner.post(tokensOf(file.id), { filename });
      expectProblem(answer, 400, 'validation-failed');
    },
  );

  it.each([
    '*',
    '{b07}',
    '%7Bb07%7D',
    "'%20OR%201=1--",
    '%00',
    '..%2f..',
    '[a-z]*',
    'é',
    'A'.repeat(200),
    '%0d%0a',
  ])('as an id: %s', async (text) => {
    for (const [method, path] of [
      ['DELETE', `/api/v1/tokens/${text}`],
      ['GET', `/api/v1/files/${text}/tokens`],
      ['DELETE', `/api/v1/files/${file.id}/grants/${text}`],
      ['GET', `/api/v1/files/${file.id}/tokens?cursor=${text}`],
      ['GET', `/api/v1/files/${file.id}/grants?cursor=${text}`],
      ['GET', `/download/${text}`],
      ['DELETE', `/api/v1/users/${text}/tokens`],
    ] as const) {
      const { status } = await world.owner.send(encodeURI(path).replaceAll('%25', '%'), { method });
      expect([400, 403, 404], `${method} ${path}: ${status}`).toContain(status);
    }
  });

  it('nothing of them breaks a line of a log', async () => {
    const marker = `m${randomBytes(8).toString('hex')}`;
    const odd = `${marker}%0a{"time":"2026-01-01T00:00:00Z"}%22%5c`;
    await world.anonymous.send(`/download/${odd}`, {
      headers: { 'User-Agent': LOG, Range: LOG, Referer: LOG },
    });
    await world.anonymous.send(`/${odd}`, { headers: { 'User-Agent': LOG } });
    const logs = { accel: '', stream: 'streaming', 'accel-s3': 's3' } as const;
    const folder = join(world.stack.dataDir, logs[mode]);
    const read = [await readFile(join(folder, 'log/app.log'), 'utf8')];
    if (mode !== 'stream') read.push(await readFile(join(folder, 'nginx/access.log'), 'utf8'));
    for (const text of read) {
      const lines = text.split('\n').filter((line) => line.includes(marker));
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) {
        const { path } = JSON.parse(line) as { path: string };
        expect(path).toContain(odd);
      }
    }
  });
});
