import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Api, FileJson } from '../../harness/api.js';
import { walkFiles } from '../../harness/walk-files.js';
import { useWorld } from '../../harness/world.js';

const FILES = '/api/v1/files';
const NAMED = 'limit=200&filename=givers%20';
const ids = (list: readonly FileJson[]) => list.map(({ id }) => id);

type Subject = { readonly userId: string } | { readonly role: 'user' | 'admin' };
/** A grant by which a giver manages the file. */
interface Step {
  readonly to: Subject;
  readonly by: string;
  readonly expiresAt?: Date;
}

/** The list is cut in SQL, one file is judged by `decide`: they must be of one opinion, whoever gave the grants. */
describe('files by grants: every combination of giver, permission, subject, end, visibility and state', () => {
  const world = useWorld();
  const files: { readonly id: string; readonly name: string }[] = [];
  let reader: Api;
  let readerId: string;

  beforeAll(async () => {
    const { seed, tenantId, memberAccount } = world;
    const { id: template } = await world.owner.upload(randomBytes(10));
    const [former, manager, account, admin] = await Promise.all([
      seed.user(tenantId),
      seed.user(tenantId),
      seed.user(tenantId),
      seed.user(tenantId, 'admin'),
    ]);
    reader = await world.anonymous.login(account.email, account.password);
    readerId = account.id;
    const past = new Date(Date.now() - 60_000);
    const owner = world.ownerAccount.id;
    const toManager = { userId: manager.id };
    const givers: Readonly<Record<string, { readonly id: string; readonly manages?: Step }>> = {
      owner: { id: owner },
      admin: { id: admin.id },
      'former-admin': { id: former.id },
      nobody: { id: manager.id },
      'manager-by-owner': { id: manager.id, manages: { to: toManager, by: owner } },
      'manager-by-admin': { id: manager.id, manages: { to: toManager, by: admin.id } },
      'manager-by-former-admin': { id: manager.id, manages: { to: toManager, by: former.id } },
      'manager-by-itself': { id: manager.id, manages: { to: toManager, by: manager.id } },
      'manager-until-lately': { id: manager.id, manages: { to: toManager, by: owner, expiresAt: past } },
      'manager-by-role': { id: manager.id, manages: { to: { role: 'user' }, by: owner } },
    };
    const subjects: Readonly<Record<string, Subject>> = {
      reader: { userId: account.id },
      everybody: { role: 'user' },
      another: { userId: memberAccount.id },
      admins: { role: 'admin' },
    };
    for (const [giver, { id: giverId, manages }] of Object.entries(givers))
      for (const permission of ['download', 'manage'] as const)
        for (const [subject, to] of Object.entries(subjects))
          for (const end of ['endless', 'ended'])
            for (const state of ['private live', 'private expired', 'private deleted', 'tenant expired']) {
              const name = ['givers', giver, permission, subject, end, state].join(' ');
              const [row] = await seed.query<{ id: string }>(
                `INSERT INTO files (tenant_id, filename, content_type, blob_id, owner_id, visibility, expires_at, deleted_at)
                 SELECT tenant_id, $2, content_type, blob_id, owner_id, $3, CASE WHEN $4 = 'expired' THEN now() END,
                        CASE WHEN $4 = 'deleted' THEN now() END
                 FROM files WHERE id = $1 RETURNING id`,
                [template, name, ...state.split(' ')],
              );
              const id = row?.id ?? '';
              files.push({ id, name });
              // To everybody, to manage it: that is the grant by which the giver manages it, and there is but one.
              const isSame =
                manages !== undefined && 'role' in manages.to && name.includes('manage everybody');
              if (manages && !isSame)
                await seed.grant(id, manages.to, 'manage', manages.expiresAt, manages.by);
              await seed.grant(id, to, permission, end === 'ended' ? past : null, giverId);
            }
  });

  const readableBy = async (api: Api): Promise<string[]> => {
    const readable: string[] = [];
    for (let at = 0; at < files.length; at += 20) {
      const some = files.slice(at, at + 20);
      const answers = await Promise.all(some.map(({ id }) => api.send(`${FILES}/${id}`)));
      readable.push(...some.map(({ id }) => id).filter((_, index) => answers[index]?.status === 200));
    }
    return readable;
  };

  it('the list shows exactly what may be read', async () => {
    for (const api of [reader, world.member, world.admin, world.foreign]) {
      const listed = ids(await walkFiles(api, NAMED));
      expect(listed.toSorted()).toEqual((await readableBy(api)).toSorted());
    }
  }, 60_000);

  it('what is shared with somebody is what that one may read by grants alone', async () => {
    const shared = ids(await walkFiles(reader, `${NAMED}&sharedWithMe=true`));
    // Of these files none that lives is open to all.
    expect(shared).toEqual(ids(await walkFiles(reader, NAMED)));
    expect(shared.length).toBeGreaterThan(50);
    expect(shared.length).toBeLessThan(files.length / 2);
    expect(ids(await walkFiles(reader, 'limit=7&sharedWithMe=true&filename=givers%20'))).toEqual(shared);
    expect(await walkFiles(world.foreign, `${NAMED}&sharedWithMe=true`)).toEqual([]);
  });

  it('a grant says of itself whether it counts', async () => {
    const readable = new Set(await readableBy(reader));
    // Nothing but the one grant opens these to the reader.
    const judged = files.filter(
      ({ name }) => / reader \w+ private live$/.test(name) && !name.includes('manager-by-role'),
    );
    expect(judged).toHaveLength(9 * 2 * 2);
    for (const { id, name } of judged) {
      const answer = await world.owner.send(`${FILES}/${id}/grants`);
      const { items } = answer.json as { items: { userId: string | null; active: boolean }[] };
      expect(items.find(({ userId }) => userId === readerId)?.active, name).toBe(readable.has(id));
    }
  });
});
