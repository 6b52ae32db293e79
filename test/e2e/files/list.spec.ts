import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem, type FileJson } from '../../harness/api.js';
import { useWorld } from '../../harness/world.js';

interface Page {
  items: FileJson[];
  nextCursor: string | null;
}

const LIST = '/api/v1/files';

describe('GET /api/v1/files', () => {
  const world = useWorld();
  const files: FileJson[] = [];

  beforeAll(async () => {
    for (let at = 0; at < 25; at += 1) {
      const name = ['Zebra', 'apple', 'Ähre', 'отчёт', '100%_x'][at % 5] ?? '';
      files.push(
        await world.owner.upload(Buffer.from(`content ${at}`), { filename: `${name} ${at % 7}.txt` }),
      );
    }
  });

  const page = async (api: Api, query = ''): Promise<Page> => {
    const answer = await api.send(`${LIST}?${query}`);
    expect(answer.status, answer.text).toBe(200);
    return answer.json as Page;
  };
  const walk = async (api: Api, query: string, between?: () => Promise<unknown>): Promise<FileJson[]> => {
    const all: FileJson[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const next: Page = await page(api, `${query}${cursor === '' ? '' : `&cursor=${cursor}`}`);
      all.push(...next.items);
      cursor = next.nextCursor;
      await between?.();
    }
    return all;
  };
  const ids = (list: readonly FileJson[]) => list.map(({ id }) => id);

  it('200: newest first, 50 at a time, each as GET /files/:id tells it', async () => {
    const { items, nextCursor } = await page(world.owner);
    expect(ids(items)).toEqual(ids(files.toReversed()));
    expect(nextCursor).toBeNull();
    expect(items[0]).toEqual((await world.owner.send(`${LIST}/${items[0]?.id ?? ''}`)).json);
  });

  it.each(['createdAt', '-createdAt', 'filename', '-filename'])(
    'sort=%s: pages of any size make up the same list',
    async (sort) => {
      const whole = await page(world.owner, `sort=${sort}&limit=200`);
      expect(whole.items).toHaveLength(25);
      for (const limit of [1, 4, 25])
        expect(ids(await walk(world.owner, `sort=${sort}&limit=${limit}`))).toEqual(ids(whole.items));
      const bytewise = (a: FileJson, b: FileJson) =>
        Buffer.compare(Buffer.from(a.filename), Buffer.from(b.filename)) ||
        Number(BigInt(a.id) - BigInt(b.id));
      const expected = sort.endsWith('filename') ? files.toSorted(bytewise) : files;
      expect(ids(whole.items)).toEqual(ids(sort.startsWith('-') ? expected.toReversed() : expected));
    },
  );

  it.each(['-createdAt', 'filename'])(
    'sort=%s: what comes and goes between pages neither moves nor doubles others',
    async (sort) => {
      const gone = await world.member.upload(randomBytes(10), { filename: 'm.txt' });
      const mine: FileJson[] = [];
      for (let at = 0; at < 8; at += 1)
        mine.push(await world.member.upload(randomBytes(10), { filename: `n${at}.txt` }));
      let round = 0;
      const seen = await walk(world.member, `sort=${sort}&limit=2`, async () => {
        round += 1;
        if (round === 1) await world.member.send(`${LIST}/${gone.id}`, { method: 'DELETE' });
        if (round < 4)
          await world.member.upload(randomBytes(10), { filename: `${'az'.charAt(round % 2)}${round}.txt` });
      });
      expect(new Set(ids(seen)).size).toBe(seen.length);
      for (const { id } of mine) expect(ids(seen)).toContain(id);
      for (const { id } of await walk(world.member, 'limit=200'))
        await world.member.send(`${LIST}/${id}`, { method: 'DELETE' });
    },
  );

  it('filename: a part of the name, whatever its case, signs taken literally', async () => {
    const named = async (part: string) =>
      new Set(
        (await page(world.owner, `limit=200&filename=${encodeURIComponent(part)}`)).items.map(
          ({ filename }) => filename.split(' ')[0],
        ),
      );
    expect(await named('zEB')).toEqual(new Set(['Zebra']));
    expect(await named('ОТЧ')).toEqual(new Set(['отчёт']));
    expect(await named('0%_')).toEqual(new Set(['100%_x']));
    expect(await named('_')).toEqual(new Set(['100%_x']));
    expect(await named("'; DROP TABLE files; --")).toEqual(new Set());
    expect(await named('\\')).toEqual(new Set());
    expect(ids(await walk(world.owner, 'limit=2&filename=zebra'))).toHaveLength(5);
  });

  it('who sees what: own, shared, granted; admins all of their tenant; never deleted ones, never another tenant’s', async () => {
    const mine = await world.member.upload(randomBytes(10));
    const shared = await world.owner.upload(randomBytes(10), { visibility: 'tenant' });
    const open = await world.owner.upload(randomBytes(10), { visibility: 'public' });
    const granted = await world.owner.upload(randomBytes(10));
    const lapsed = await world.owner.upload(randomBytes(10));
    const deleted = await world.owner.upload(randomBytes(10), { visibility: 'tenant' });
    await world.seed.grant(granted.id, { userId: world.memberAccount.id }, 'download');
    await world.seed.grant(
      lapsed.id,
      { userId: world.memberAccount.id },
      'download',
      new Date(Date.now() - 1_000),
    );
    await world.owner.send(`${LIST}/${deleted.id}`, { method: 'DELETE' });

    expect(ids((await page(world.member)).items).toSorted()).toEqual(
      ids([mine, shared, open, granted]).toSorted(),
    );
    expect((await page(world.admin, 'limit=200')).items).toHaveLength(25 + 5);
    expect((await page(world.foreign)).items).toEqual([]);
    expect((await page(world.foreignAdmin)).items).toEqual([]);
  });

  it('shows exactly what decide() lets be read, over every combination of owner, visibility, grant and state', async () => {
    const [subjects] = [[world.member, world.admin, world.owner]];
    const made: FileJson[] = [];
    for (const visibility of ['private', 'tenant', 'public']) {
      for (const grant of ['none', 'download', 'manage', 'role', 'lapsed'] as const) {
        for (const state of ['live', 'expired', 'deleted'] as const) {
          const file = await world.owner.upload(randomBytes(10), {
            visibility,
            filename: `matrix-${visibility}-${grant}-${state}`,
          });
          made.push(file);
          const to = { userId: world.memberAccount.id };
          if (grant === 'download' || grant === 'manage') await world.seed.grant(file.id, to, grant);
          if (grant === 'role') await world.seed.grant(file.id, { role: 'user' }, 'download');
          if (grant === 'lapsed') await world.seed.grant(file.id, to, 'manage', new Date(Date.now() - 1_000));
          if (state === 'expired') await world.seed.expireFile(file.id);
          if (state === 'deleted') await world.owner.send(`${LIST}/${file.id}`, { method: 'DELETE' });
        }
      }
    }
    for (const api of [...subjects, world.foreign]) {
      const listed = ids(await walk(api, 'limit=200&filename=matrix-')).toSorted();
      const readable = [];
      for (const file of made)
        if ((await api.send(`${LIST}/${file.id}`)).status === 200) readable.push(file.id);
      expect(listed).toEqual(readable.toSorted());
    }
  });

  it.each([
    ['sharedWithMe=maybe', 'sharedWithMe'],
    ['sharedWithMe=', 'sharedWithMe'],
    ['sharedWithMe=1', 'sharedWithMe'],
    ['sharedWithMe=True', 'sharedWithMe'],
    ['sharedWithMe=true&sharedWithMe=true', 'sharedWithMe'],
    ['sharedWithMe[x]=true', 'sharedWithMe[x]'],
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=x', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['sort=size', 'sort'],
    ['sort=', 'sort'],
    ['sort=filename;drop', 'sort'],
    ['filename=', 'filename'],
    ['filename=a%00b', 'filename'],
    [`filename=${'x'.repeat(256)}`, 'filename'],
    ['filename=a&filename=b', 'filename'],
    ['filename[x]=a', 'filename[x]'],
    ['colour=red', 'colour'],
    ['cursor=x', 'cursor'],
    ['cursor=', 'cursor'],
    [`cursor=${Buffer.from('["-createdAt","yesterday","1"]').toString('base64url')}`, 'cursor'],
    [
      `cursor=${Buffer.from('["-createdAt","2026-11-21T10:00:00.000000Z","1 OR 1=1"]').toString('base64url')}`,
      'cursor',
    ],
    [
      `cursor=${Buffer.from('["-createdAt","2026-99-21T10:00:00.000000Z","1"]').toString('base64url')}`,
      'cursor',
    ],
    [`cursor=${Buffer.from('["filename","a","1"]').toString('base64url')}`, 'cursor'],
    [`cursor=${Buffer.from('{"a":1}').toString('base64url')}`, 'cursor'],
    [`sort=filename&cursor=${Buffer.from('["filename","a\\u0000","1"]').toString('base64url')}`, 'cursor'],
    [`sort=filename&cursor=${Buffer.from('["filename","\\ud800","1"]').toString('base64url')}`, 'cursor'],
  ])('400: %s', async (query, field) => {
    const answer = await world.owner.send(`${LIST}?${query}`);
    expectProblem(answer, 400, 'validation-failed');
    expect((answer.json as { errors: { field: string }[] }).errors[0]?.field).toBe(field);
  });

  it('401 without credentials', async () => {
    expectProblem(await world.anonymous.send(LIST), 401, 'unauthenticated');
  });
});
