import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createKey, expectInvalid } from '../../harness/accounts.js';
import { expectProblem, type FileJson } from '../../harness/api.js';
import { listed, mint, type TokenJson, tokensOf } from '../../harness/download-tokens.js';
import { useWorld } from '../../harness/world.js';

interface Page {
  readonly items: readonly { readonly id: string }[];
  readonly nextCursor: string | null;
}

describe('GET /api/v1/files/:id/tokens', () => {
  const world = useWorld();
  const upload = (): Promise<FileJson> => world.owner.upload(randomBytes(10));
  const ids = async (file: FileJson, api = world.owner): Promise<string[]> =>
    (await listed(api, file.id)).map(({ id }) => id);

  it('200: the terms, what is spent, who minted it and when, and never the token', async () => {
    const file = await upload();
    const terms = {
      maxDownloads: 2,
      maxConcurrent: 3,
      allowedIps: ['10.0.0.0/8'],
      resume: 'cookie',
      filename: 'x',
    };
    const { token, url: _, ...shown } = await mint(world.owner, file.id, terms);
    const answer = await world.owner.send(tokensOf(file.id));
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.json).toEqual({
      items: [
        {
          ...shown,
          used: 0,
          mintedBy: world.ownerAccount.id,
          createdAt: expect.stringMatching(/Z$/) as unknown,
        },
      ],
      nextCursor: null,
    });
    expect(answer.text).not.toContain(token.slice(4));
    const [key = ''] = await world.seed.redis.keys(`download:token:*:${shown.id}`);
    // As the admission does.
    await world.seed.redis.hincrby(key, 'used', 1);
    expect(await listed(world.owner, file.id)).toMatchObject([{ id: shown.id, used: 1 }]);
  });

  it('of this file, whoever minted them, newest first', async () => {
    const [file, other] = [await upload(), await upload()];
    const { key } = await createKey(world.owner, ['tokens']);
    const minters = [world.owner, world.admin, world.anonymous.withKey(key), world.owner];
    const minted: TokenJson[] = [];
    for (const minter of minters) minted.push(await mint(minter, file.id));
    await mint(world.owner, other.id);
    const expected = minted.map(({ id }) => id).toReversed();
    expect(await ids(file)).toEqual(expected);
    expect(await ids(file, world.admin)).toEqual(expected);
    const { id: mintedByAdmin } = world.adminAccount;
    expect((await listed(world.owner, file.id)).map(({ mintedBy }) => mintedBy)).toEqual([
      world.ownerAccount.id,
      world.ownerAccount.id,
      mintedByAdmin,
      world.ownerAccount.id,
    ]);
  });

  it('not those that have expired', async () => {
    const file = await upload();
    const { id } = await mint(world.owner, file.id);
    await mint(world.owner, file.id, { expiresIn: 1 });
    expect(await ids(file)).toHaveLength(2);
    await sleep(1_050);
    expect(await ids(file)).toEqual([id]);
    // Its place in the lists is given back.
    const indexes = await world.seed.redis.keys(`tokens:file:{${file.id}}:*`);
    expect(indexes).toHaveLength(2);
    for (const index of indexes) expect(await world.seed.redis.zcard(index)).toBe(1);
  });

  it('a page at a time: complete and without doubles while others come and go, some of one millisecond', async () => {
    const file = await upload();
    const minted = await Promise.all(Array.from({ length: 25 }, () => mint(world.owner, file.id)));
    // Many of one millisecond, wherever the page ends.
    const [newest = ''] = await world.seed.redis.keys(`tokens:file:{${file.id}}:*:newest`);
    for (const { id } of minted.slice(0, 15))
      await world.seed.redis.zadd(newest, 'XX', 1_700_000_000_000, id);
    for (const limit of [1, 2, 7, 24, 25, 200]) {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const query: string = cursor === null ? '' : `&cursor=${cursor}`;
        const answer = await world.owner.send(`${tokensOf(file.id)}?limit=${limit}${query}`);
        expect(answer.status, answer.text).toBe(200);
        const page = answer.json as Page;
        seen.push(...page.items.map(({ id }) => id));
        ({ nextCursor: cursor } = page);
        if (limit === 7) await mint(world.owner, file.id);
      } while (cursor !== null);
      const expected = minted.map(({ id }) => id);
      const known = seen.filter((id) => expected.includes(id));
      expect(known.toSorted(), `limit ${limit}`).toEqual(expected.toSorted());
      expect(new Set(seen).size).toBe(seen.length);
    }
  });

  it('behind one that was revoked between two pages', async () => {
    const file = await upload();
    const minted: TokenJson[] = [];
    for (let count = 0; count < 4; count += 1) minted.push(await mint(world.owner, file.id));
    const first = (await world.owner.send(`${tokensOf(file.id)}?limit=2`)).json as Page;
    await world.owner.delete(`/api/v1/tokens/${minted[2]?.id ?? ''}`);
    const second = await world.owner.send(`${tokensOf(file.id)}?limit=2&cursor=${first.nextCursor ?? ''}`);
    expect((second.json as Page).items.map(({ id }) => id)).toEqual([minted[1]?.id, minted[0]?.id]);
  });

  it('400: limits and cursors that are none', async () => {
    const file = await upload();
    for (const limit of ['0', '201', '-1', 'x', '1.5', '']) {
      expectInvalid(await world.owner.send(`${tokensOf(file.id)}?limit=${limit}`), ['limit']);
    }
    const encoded = (text: string): string => Buffer.from(text).toString('base64url');
    const id = 'a'.repeat(22);
    for (const cursor of [
      'x',
      '*',
      encoded('1'),
      encoded(`.${id}`),
      encoded(`0.${id}`),
      encoded(`-1.${id}`),
      encoded(`1e3.${id}`),
      encoded(`+inf.${id}`),
      encoded(`12345678901234567.${id}`),
      encoded(`1.${id}a`),
      encoded(`1.${id.slice(1)}`),
      `${encoded(`1.${id}`)}=`,
      'a'.repeat(65),
    ]) {
      const answer = await world.owner.send(`${tokensOf(file.id)}?cursor=${encodeURIComponent(cursor)}`);
      expectInvalid(answer, ['cursor']);
    }
    expectInvalid(await world.owner.send(`${tokensOf(file.id)}?all=1`), ['all']);
  });

  it('403, 404, 410: only for who manages the file', async () => {
    const shared = await world.owner.upload(randomBytes(10), { visibility: 'tenant' });
    expectProblem(await world.member.send(tokensOf(shared.id)), 403, 'forbidden');
    expectProblem(await world.foreignAdmin.send(tokensOf(shared.id)), 404, 'file-not-found');
    await world.owner.delete(`/api/v1/files/${shared.id}`);
    expectProblem(await world.owner.send(tokensOf(shared.id)), 410, 'file-gone');
  });
});
