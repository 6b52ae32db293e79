import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { FileJson } from '../../harness/api.js';
import { walkFiles } from '../../harness/walk-files.js';
import { useWorld } from '../../harness/world.js';

const FILES = '/api/v1/files';
const ids = (list: readonly FileJson[]) => list.map(({ id }) => id);

describe('GET /api/v1/files?sharedWithMe=true', () => {
  const world = useWorld();

  const newcomer = async (role: 'user' | 'admin' = 'user') => {
    const account = await world.seed.user(world.tenantId, role);
    return { account, api: await world.anonymous.login(account.email, account.password) };
  };
  const give = async (file: FileJson, grant: object): Promise<void> => {
    const answer = await world.owner.post(`${FILES}/${file.id}/grants`, grant);
    expect(answer.status, answer.text).toBe(201);
  };

  it('only files of others, by a grant that counts; not those that are open to all; not one’s own', async () => {
    const { account, api } = await newcomer();
    const to = { userId: account.id, permission: 'download' };
    const mine = await api.upload(randomBytes(10));
    const open = await world.owner.upload(randomBytes(10), { visibility: 'public', filename: 'open' });
    const granted = await world.owner.upload(randomBytes(10), { filename: 'b.txt' });
    const openAndGranted = await world.owner.upload(randomBytes(10), {
      visibility: 'tenant',
      filename: 'a.txt',
    });
    const managed = await world.owner.upload(randomBytes(10), { filename: 'managed' });
    const deleted = await world.owner.upload(randomBytes(10));
    for (const file of [granted, openAndGranted, deleted]) await give(file, to);
    await give(managed, { userId: account.id, permission: 'manage' });
    await give(managed, { role: 'admin', permission: 'download' });
    await api.post(`${FILES}/${mine.id}/grants`, to);
    await world.owner.delete(`${FILES}/${deleted.id}`);
    const shared = async (query = '') => ids(await walkFiles(api, `sharedWithMe=true${query}`));

    expect(await shared()).toEqual(ids([managed, openAndGranted, granted]));
    expect(await shared('&sort=filename')).toEqual(ids([openAndGranted, granted, managed]));
    expect(await shared('&filename=.TXT')).toEqual(ids([openAndGranted, granted]));
    expect(ids(await walkFiles(api, 'sharedWithMe=true&sort=filename&limit=1'))).toEqual(
      ids([openAndGranted, granted, managed]),
    );
    expect(ids(await walkFiles(api, 'sharedWithMe=false&limit=200'))).toContain(mine.id);
    expect(ids(await walkFiles(api, 'sharedWithMe=false&limit=200'))).toContain(open.id);

    // An expired file is seen by those who manage it only.
    await world.seed.expireFile(managed.id);
    await world.seed.expireFile(granted.id);
    expect(await shared()).toEqual(ids([managed, openAndGranted]));
    const { items } = (await world.owner.send(`${FILES}/${managed.id}/grants`)).json as {
      items: { id: string }[];
    };
    for (const { id } of items) await world.owner.delete(`${FILES}/${managed.id}/grants/${id}`);
    expect(await shared()).toEqual(ids([openAndGranted]));
  });

  it('by role: everybody who has it; an admin sees what is shared with it, not all of the tenant', async () => {
    const file = await world.owner.upload(randomBytes(10));
    await give(file, { role: 'admin', permission: 'download' });
    const { api } = await newcomer('admin');
    expect(ids(await walkFiles(api, 'sharedWithMe=true'))).toContain(file.id);
    expect(ids(await walkFiles(world.owner, 'sharedWithMe=true&limit=200'))).not.toContain(file.id);
    expect(ids(await walkFiles((await newcomer()).api, 'sharedWithMe=true&limit=200'))).not.toContain(
      file.id,
    );
  });
});
