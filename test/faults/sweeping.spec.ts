import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newObjectKey } from '../../src/modules/storage/index.js';
import { expectProblem, type FileJson } from '../harness/api.js';
import type { Answer } from '../harness/http.js';
import { filesBelow, takeAccount } from '../harness/objects.js';
import { useOwnStack } from '../harness/own-stack.js';
import { Seed } from '../harness/seed.js';
import { SlowDownload } from '../harness/slow-download.js';
import { until } from '../harness/until.js';

interface Swept {
  readonly dryRun: boolean;
  readonly more: boolean;
  readonly steps: readonly {
    readonly name: string;
    readonly volume?: string;
    readonly found: number;
    readonly removed: number;
    readonly bytes?: number;
    readonly problem?: string;
  }[];
}

const MIB = 2 ** 20;
const SWEEP = '/api/v1/storage/sweep';

/** Real: PostgreSQL, Redis, nginx, files, the built application. */
describe('the sweep', () => {
  const own = useOwnStack({
    BLOB_TRASH_DAYS: '2',
    RATE_LIMIT_API: '1000000',
    RATE_LIMIT_DOWNLOADS: '1000000',
  });
  let seed: Seed;
  const root = () => join(own.stack.dataDir, 'blobs');
  const nothingWrong = { orphans: [], broken: [] };
  const account = () => takeAccount(seed, { local: filesBelow(root()) });

  beforeAll(async () => {
    seed = Seed.open(own.stack);
    // The one of the start is over when this one can be had.
    await sweep();
  });
  afterAll(() => seed.close());

  const ask = (dryRun = false): Promise<Answer> => own.admin.post(SWEEP, { dryRun });
  const sweep = async (dryRun = false): Promise<Swept> => {
    const answer = await until(
      () => ask(dryRun),
      ({ status }) => status !== 409,
      30_000,
    );
    expect(answer.status, answer.text).toBe(200);
    return answer.json as Swept;
  };
  const step = ({ steps }: Swept, name: string) => steps.find((one) => one.name === name);
  const remove = async ({ id }: FileJson) => {
    expect((await own.admin.delete(`/api/v1/files/${id}`)).status).toBe(204);
  };
  /** As if its deletion were so long ago. */
  const deletedBefore = (hours: number, ...files: readonly FileJson[]) =>
    seed.query(`UPDATE files SET deleted_at = now() - make_interval(hours => $1) WHERE id = ANY ($2)`, [
      hours,
      files.map(({ id }) => id),
    ]);
  const removeLongAgo = async (...files: readonly FileJson[]) => {
    for (const file of files) await remove(file);
    await deletedBefore(2, ...files);
  };
  const trash = () => seed.query('SELECT reason, size, storage_path AS path FROM blob_trash ORDER BY id');
  const emptyTrash = async () => {
    await seed.query(`UPDATE blob_trash SET trashed_at = now() - interval '3 days'`);
    await sweep();
    expect(await trash()).toEqual([]);
  };
  const readable = async ({ id }: FileJson, bytes: Buffer) => {
    const answer = await own.admin.download(id);
    expect(answer.status, answer.text.slice(0, 200)).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
  };
  /** How many statements of the application wait for a lock. */
  const waiting = async (count: number) => {
    const seen = await until(
      () => seed.query(`SELECT FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0`),
      ({ length }) => length >= count,
    );
    expect(seen.length).toBe(count);
  };

  describe('content that no file has any more', () => {
    it('goes to the trash after an hour, and its bytes after BLOB_TRASH_DAYS; the file stays gone for those who could see it', async () => {
      const bytes = randomBytes(100_000);
      const file = await own.admin.upload(bytes, { visibility: 'public' });
      await remove(file);
      expect(step(await sweep(), 'unreferenced-blobs')).toEqual({
        name: 'unreferenced-blobs',
        volume: 'local',
        found: 0,
        removed: 0,
        bytes: 0,
      });

      await deletedBefore(2, file);
      const looked = await sweep(true);
      expect(looked).toMatchObject({ dryRun: true, more: false });
      expect(step(looked, 'unreferenced-blobs')).toMatchObject({ found: 1, removed: 0, bytes: 100_000 });
      expect(await trash()).toEqual([]);
      const swept = await sweep();
      expect(swept).toMatchObject({ dryRun: false, more: false });
      expect(step(swept, 'unreferenced-blobs')).toMatchObject({ found: 1, removed: 1, bytes: 100_000 });
      expect(await trash()).toEqual([
        { reason: 'unreferenced', size: '100000', path: expect.any(String) as unknown },
      ]);
      expect(await seed.query('SELECT FROM blobs WHERE sha256 = $1', [file.sha256])).toEqual([]);
      expect(await account()).toEqual(nothingWrong);
      expect(await filesBelow(root()).paths()).toHaveLength(1);
      for (const api of [own.admin, own.anonymous]) {
        expectProblem(await api.download(file.id), 410, 'file-gone');
        await seed.changed(`file:${file.id}`);
        expectProblem(await api.download(file.id), 410, 'file-gone');
      }
      expectProblem(await own.admin.send(`/api/v1/files/${file.id}`), 410, 'file-gone');
      expectProblem(
        await own.admin.send(`/api/v1/files/${file.id}/verify`, { method: 'POST' }),
        410,
        'file-gone',
      );

      await seed.query(`UPDATE blob_trash SET trashed_at = now() - interval '47 hours'`);
      expect(step(await sweep(), 'blob-trash')).toMatchObject({ found: 0, removed: 0 });
      await seed.query(`UPDATE blob_trash SET trashed_at = now() - interval '49 hours'`);
      expect(step(await sweep(true), 'blob-trash')).toMatchObject({ found: 1, removed: 0, bytes: 100_000 });
      expect(step(await sweep(), 'blob-trash')).toMatchObject({ found: 1, removed: 1, bytes: 100_000 });
      expect(await filesBelow(root()).paths()).toEqual([]);

      // The same content comes back as if it had never been there.
      await readable(await own.admin.upload(bytes), bytes);
    });

    it('stays while one file has it, also one that was deleted a moment ago', async () => {
      const bytes = randomBytes(50_000);
      const [first, second, third] = [
        await own.admin.upload(bytes),
        await own.admin.upload(bytes),
        await own.admin.upload(bytes),
      ];
      await removeLongAgo(first);
      expect(step(await sweep(true), 'unreferenced-blobs')).toMatchObject({ found: 0 });
      expect(step(await sweep(), 'unreferenced-blobs')).toMatchObject({ removed: 0 });
      await readable(second, bytes);
      await removeLongAgo(second);
      await remove(third);
      expect(step(await sweep(), 'unreferenced-blobs')).toMatchObject({ removed: 0 });
      await deletedBefore(2, third);
      expect(step(await sweep(), 'unreferenced-blobs')).toMatchObject({ removed: 1, bytes: 50_000 });
      await emptyTrash();
      expect(await account()).toEqual(nothingWrong);
    });

    it('a file without content is deleted, or PostgreSQL refuses it', async () => {
      const file = await own.admin.upload(randomBytes(10));
      await expect(seed.query('UPDATE files SET blob_id = NULL WHERE id = $1', [file.id])).rejects.toThrow(
        'files_have_content',
      );
    });

    it('a download that has begun goes on to its last byte', async () => {
      const bytes = randomBytes(40 * MIB);
      const file = await own.admin.upload(bytes);
      const slow = await SlowDownload.begin(`${own.stack.publicUrl}/download/${file.id}`, {
        Authorization: `Bearer ${own.admin.token ?? ''}`,
      });
      const head = await slow.read(1);
      await removeLongAgo(file);
      expect(step(await sweep(), 'unreferenced-blobs')).toMatchObject({ removed: 1 });
      expect(Buffer.concat([head, await slow.rest()]).equals(bytes)).toBe(true);
      await emptyTrash();
    });

    it('more than one batch of files and of blobs', async () => {
      const file = await own.admin.upload(randomBytes(10));
      await seed.query(
        `INSERT INTO files (tenant_id, filename, content_type, blob_id, owner_id, visibility, deleted_at)
         SELECT tenant_id, filename, content_type, blob_id, owner_id, visibility, now() - interval '2 hours'
         FROM files, generate_series(1, 2500) WHERE id = $1`,
        [file.id],
      );
      await seed.query(
        `WITH made AS (
           INSERT INTO blobs (tenant_id, sha256, crc32, size, volume, storage_path)
           SELECT b.tenant_id, lpad(n::text, 64, '0'), 0, 7, 'local',
                  b.tenant_id || '/ff/' || lpad(n::text, 30, '0')
           FROM generate_series(1, 350) n, (SELECT tenant_id FROM files WHERE id = $1) b RETURNING id, tenant_id)
         INSERT INTO files (tenant_id, filename, content_type, blob_id, owner_id, visibility, deleted_at)
         SELECT made.tenant_id, 'x', 'x/x', made.id, f.owner_id, 'private', now() - interval '2 hours'
         FROM made, files f WHERE f.id = $1`,
        [file.id],
      );
      expect(step(await sweep(true), 'unreferenced-blobs')).toMatchObject({ found: 350, bytes: 2_450 });
      expect(step(await sweep(), 'unreferenced-blobs')).toMatchObject({ removed: 350, bytes: 2_450 });
      await removeLongAgo(file);
      expect(step(await sweep(), 'unreferenced-blobs')).toMatchObject({ removed: 1, bytes: 10 });
      expect(
        await seed.query('SELECT FROM files WHERE deleted_at IS NOT NULL AND blob_id IS NOT NULL'),
      ).toEqual([]);
      // What has no object is removed like what has one.
      await emptyTrash();
      expect(await account()).toEqual(nothingWrong);
    });
  });

  describe('content that is published again meanwhile', () => {
    const swap = async (order: 'publish first' | 'sweep first') => {
      const bytes = randomBytes(60_000);
      const file = await own.admin.upload(bytes);
      await removeLongAgo(file);
      const held = await seed.hold('SELECT FROM blobs WHERE sha256 = $1 FOR UPDATE', [file.sha256]);
      const publish = () => own.admin.upload(bytes);
      let publishing: Promise<FileJson>;
      let sweeping: Promise<Swept>;
      if (order === 'publish first') {
        publishing = publish();
        await waiting(1);
        sweeping = sweep();
      } else {
        sweeping = sweep();
        await waiting(1);
        publishing = publish();
      }
      await waiting(2);
      await held.release();
      const [again, swept] = [await publishing, await sweeping];
      await readable(again, bytes);
      expect(await account()).toEqual(nothingWrong);
      await removeLongAgo(again);
      await sweep();
      await emptyTrash();
      return step(swept, 'unreferenced-blobs');
    };

    it('who publishes first keeps it', async () => {
      expect(await swap('publish first')).toMatchObject({ removed: 0 });
    });

    it('who publishes behind the sweep brings the bytes anew', async () => {
      expect(await swap('sweep first')).toMatchObject({ removed: 1 });
    });

    it('30 rounds of uploads, deletions and sweeps at once: every file has its content', async () => {
      const bytes = randomBytes(30_000);
      let adopted = 0;
      let anew = 0;
      for (let round = 0; round < 30; round += 1) {
        const file = await own.admin.upload(bytes);
        const [before] = await seed.query<{ id: string }>('SELECT id FROM blobs WHERE sha256 = $1', [
          file.sha256,
        ]);
        await removeLongAgo(file);
        const upload = async (after: number) => {
          await sleep(after);
          return own.admin.upload(bytes);
        };
        const [, , ...again] = await Promise.all([ask(), ask(), upload(0), upload(round), upload(round * 2)]);
        for (const one of again) await readable(one, bytes);
        const [after] = await seed.query<{ id: string }>('SELECT id FROM blobs WHERE sha256 = $1', [
          file.sha256,
        ]);
        if (after?.id === before?.id) adopted += 1;
        else anew += 1;
        await removeLongAgo(...again);
      }
      await sweep();
      await emptyTrash();
      expect(await account()).toEqual(nothingWrong);
      expect(await filesBelow(root()).paths()).toHaveLength((await seed.query('SELECT FROM blobs')).length);
      expect(adopted + anew).toBe(30);
      expect(anew).toBeGreaterThan(0);
    }, 120_000);
  });

  it('files that expired longer ago than BLOB_TRASH_DAYS are deleted; until then their owners bring them back', async () => {
    const bytes = randomBytes(1_000);
    const [young, old] = [await own.admin.upload(bytes), await own.admin.upload(randomBytes(1_001))];
    const expire = async ({ id }: FileJson, hours: number) => {
      await seed.query('UPDATE files SET expires_at = now() - make_interval(hours => $1) WHERE id = $2', [
        hours,
        id,
      ]);
      await seed.changed(`file:${id}`);
      // It is kept in memory now.
      expect((await own.admin.send(`/api/v1/files/${id}`)).status).toBe(200);
    };
    await expire(young, 47);
    await expire(old, 49);
    expect(step(await sweep(true), 'expired-files')).toMatchObject({ found: 1, removed: 0 });
    expect((await own.admin.send(`/api/v1/files/${old.id}`)).status).toBe(200);
    expect(step(await sweep(), 'expired-files')).toMatchObject({ found: 1, removed: 1 });
    // At the next request, though it is kept in memory.
    expectProblem(await own.admin.send(`/api/v1/files/${old.id}`), 410, 'file-gone');
    expectProblem(await own.admin.patch(`/api/v1/files/${old.id}`, { expiresAt: null }), 410, 'file-gone');
    expect((await own.admin.patch(`/api/v1/files/${young.id}`, { expiresAt: null })).status).toBe(200);
    await readable(young, bytes);
    await deletedBefore(2, old);
    expect(step(await sweep(), 'unreferenced-blobs')).toMatchObject({ removed: 1, bytes: 1_001 });
    await emptyTrash();
  });

  describe('uploads', () => {
    const pend = async (seenHours: number, keptHours: number | null): Promise<string> => {
      const tenantId = await seed.defaultTenant();
      const key = newObjectKey(tenantId);
      await seed.query(
        `INSERT INTO pending_objects (tenant_id, volume, storage_path, seen_at, kept_until)
         VALUES ($1, 'local', $2, now() - make_interval(hours => $3), now() + make_interval(hours => $4))`,
        [tenantId, key, seenHours, keptHours],
      );
      await mkdir(join(root(), '.tmp'), { recursive: true });
      await writeFile(join(root(), '.tmp', `${key.replaceAll('/', '-')}.parts`), Buffer.alloc(10));
      return key;
    };
    const session = async (key: string, expiresHours: number, status = 'uploading', fileId?: string) => {
      const [row] = await seed.query<{ id: string }>(
        `INSERT INTO upload_sessions (tenant_id, owner_id, protocol, filename, content_type, visibility, size, chunk_size,
                                      volume, storage_path, status, file_id, failure, expires_at)
         SELECT tenant_id, id, 'chunks', 'a.bin', 'a/b', 'private', 10, 5, 'local', $1, $2, $3, $4,
                now() + make_interval(hours => $5)
         FROM users WHERE role = 'operator' RETURNING id`,
        [key, status, fileId ?? null, status === 'failed' ? 'digest-mismatch' : null, expiresHours],
      );
      await seed.query(`INSERT INTO upload_chunks (upload_id, index, tag) VALUES ($1, 0, 'x')`, [row?.id]);
      return row?.id ?? '';
    };
    const lease = (id: string, seconds: number) =>
      seed.query(
        `INSERT INTO upload_leases (upload_id, slot, holder, seen_at)
         VALUES ($1, -1, gen_random_uuid(), now() - make_interval(secs => $2))`,
        [id, seconds],
      );
    const has = async (table: string, column: string, value: string) =>
      (await seed.query(`SELECT FROM ${table} WHERE ${column} = $1`, [value])).length === 1;

    it('what is being written, or kept for a session, is spared; what nobody writes goes, with its bytes', async () => {
      const alive = await pend(0, null);
      const kept = await pend(30, 2);
      // Its session has ended, and its last sign of life was a moment ago.
      const ended = await pend(0, -2);
      const [abandoned, over] = [await pend(2, null), await pend(30, -1)];
      expect(step(await sweep(true), 'pending-objects')).toEqual({
        name: 'pending-objects',
        volume: 'local',
        found: 2,
        removed: 0,
      });
      expect(step(await sweep(), 'pending-objects')).toMatchObject({ found: 2, removed: 2 });
      const paths = (await filesBelow(root()).paths()).join('\n');
      for (const key of [alive, kept, ended]) {
        expect(await has('pending_objects', 'storage_path', key)).toBe(true);
        expect(paths).toContain(key.replaceAll('/', '-'));
      }
      for (const key of [abandoned, over]) {
        expect(await has('pending_objects', 'storage_path', key)).toBe(false);
        expect(paths).not.toContain(key.replaceAll('/', '-'));
      }
      await seed.query(`UPDATE pending_objects SET seen_at = now() - interval '3 hours', kept_until = NULL`);
      expect(step(await sweep(), 'pending-objects')).toMatchObject({ removed: 3 });
      expect(await account()).toEqual(nothingWrong);
    });

    it('sessions that are over go, with their chunks and bytes; those of which somebody holds a lease stay, and so does a file that one became', async () => {
      const bytes = randomBytes(500);
      const file = await own.admin.upload(bytes);
      const keys = await Promise.all([pend(30, 1), pend(30, -1), pend(30, -2), pend(30, -2), pend(30, -2)]);
      const [open, recent, over, busy, dead] = keys;
      const ids = {
        open: await session(open, 1),
        recent: await session(recent, -0),
        over: await session(over, -2),
        busy: await session(busy, -2, 'verifying'),
        dead: await session(dead, -2, 'verifying'),
        completed: await session(newObjectKey('1'), -2, 'completed', file.id),
        failed: await session(newObjectKey('1'), -2, 'failed'),
      };
      await lease(ids.busy, 1);
      await lease(ids.dead, 60);
      expect(step(await sweep(true), 'upload-sessions')).toEqual({
        name: 'upload-sessions',
        found: 4,
        removed: 0,
      });
      const swept = await sweep();
      expect(step(swept, 'upload-sessions')).toEqual({ name: 'upload-sessions', found: 4, removed: 4 });
      const left = await seed.query<{ id: string }>('SELECT id FROM upload_sessions ORDER BY id');
      expect(left.map(({ id }) => id)).toEqual([ids.open, ids.recent, ids.busy]);
      expect(await seed.query('SELECT FROM upload_chunks')).toHaveLength(3);
      expect(await seed.query('SELECT FROM upload_leases')).toHaveLength(1);
      // The object of the busy one has a sign of life now; that of the open one is kept.
      for (const [key, stays] of [
        [open, true],
        [over, false],
        [busy, true],
        [dead, false],
      ] as const)
        expect(await has('pending_objects', 'storage_path', key)).toBe(stays);
      await readable(file, bytes);

      await seed.query(`UPDATE upload_leases SET seen_at = now() - interval '11 seconds'`);
      await seed.query(`UPDATE upload_sessions SET expires_at = now() - interval '2 hours'`);
      await seed.query(`UPDATE pending_objects SET seen_at = now() - interval '2 hours', kept_until = now()`);
      expect(step(await sweep(), 'upload-sessions')).toMatchObject({ removed: 3 });
      expect(await seed.query('SELECT FROM pending_objects')).toEqual([]);
      expect(await account()).toEqual(nothingWrong);
      expect(await readdir(join(root(), '.tmp'))).toEqual([]);
    });

    it('more than one batch of sessions', async () => {
      for (let count = 0; count < 25; count += 1) await session(newObjectKey('1'), -2);
      expect(step(await sweep(), 'upload-sessions')).toMatchObject({ removed: 25 });
    });
  });

  it('leftovers that no row knows, as after the restore of a backup', async () => {
    const folder = join(root(), '.tmp');
    await mkdir(folder, { recursive: true });
    const tenantId = await seed.defaultTenant();
    const leave = async (name: string, hours: number) => {
      await writeFile(join(folder, name), Buffer.alloc(10));
      const at = new Date(Date.now() - hours * 3_600_000);
      await utimes(join(folder, name), at, at);
    };
    const nameOf = (key: string) => `${key.replaceAll('/', '-')}.0123`;
    const [old, young, pending] = [newObjectKey(tenantId), newObjectKey(tenantId), newObjectKey(tenantId)];
    const trashed = newObjectKey(tenantId);
    await seed.query(
      `INSERT INTO pending_objects (tenant_id, volume, storage_path, kept_until) VALUES ($1, 'local', $2, now() + interval '1 day')`,
      [tenantId, pending],
    );
    await seed.query(
      `INSERT INTO blob_trash (tenant_id, volume, storage_path, reason) VALUES ($1, 'local', $2, 'moved')`,
      [tenantId, trashed],
    );
    for (const key of [old, pending, trashed]) await leave(nameOf(key), 2);
    await leave(nameOf(young), 0);
    await leave('lost+found', 2);
    // A whole object that nobody knows is left to the operator.
    const unknown = newObjectKey(tenantId);
    await mkdir(join(root(), unknown, '..'), { recursive: true });
    await writeFile(join(root(), unknown), 'x');

    expect(step(await sweep(true), 'leftovers')).toMatchObject({
      volume: 'local',
      found: 1,
      removed: 0,
      bytes: 10,
    });
    expect(step(await sweep(), 'leftovers')).toMatchObject({ found: 1, removed: 1, bytes: 10 });
    expect((await readdir(folder)).toSorted()).toEqual(
      [young, pending, trashed].map(nameOf).concat('lost+found').toSorted(),
    );
    expect(await readFile(join(root(), unknown), 'utf8')).toBe('x');

    await seed.query('DELETE FROM pending_objects');
    await seed.query('DELETE FROM blob_trash');
    await rm(folder, { recursive: true });
    await rm(join(root(), unknown));
  });

  describe('one at a time', () => {
    /** A sweep that waits in the middle: somebody holds the row of the blob that it has come to. */
    const stuck = async () => {
      const file = await own.admin.upload(randomBytes(100));
      await removeLongAgo(file);
      const held = await seed.hold('SELECT FROM blobs WHERE sha256 = $1 FOR UPDATE', [file.sha256]);
      const sweeping = ask();
      await waiting(1);
      return { held, sweeping, file };
    };

    it('409 while another is at work; a dry run is answered', async () => {
      const { held, sweeping } = await stuck();
      expectProblem(await ask(), 409, 'sweep-running');
      expect((await ask(true)).status).toBe(200);
      await held.release();
      expect(step((await sweeping).json as Swept, 'unreferenced-blobs')).toMatchObject({ removed: 1 });
    });

    it('a sweep whose lock is lost ends, and the next one does the rest', async () => {
      const { held, sweeping, file } = await stuck();
      await seed.query(
        `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted`,
      );
      // While it is still waiting for the row, another one may begin.
      await until(
        () => seed.query(`SELECT FROM pg_locks WHERE locktype = 'advisory'`),
        ({ length }) => length === 0,
      );
      await held.release();
      const answer = await sweeping;
      expect(answer.status, answer.text).toBe(200);
      expect(answer.json).toMatchObject({ more: true });
      expect((answer.json as Swept).steps.map(({ name }) => name)).not.toContain('leftovers');
      await sweep();
      expect(await seed.query('SELECT FROM blobs WHERE sha256 = $1', [file.sha256])).toEqual([]);
      await emptyTrash();
    });

    it('a client that goes away ends it', async () => {
      const file = await own.admin.upload(randomBytes(100));
      await removeLongAgo(file);
      const held = await seed.hold('SELECT FROM blobs WHERE sha256 = $1 FOR UPDATE', [file.sha256]);
      const client = new AbortController();
      const gone = fetch(`${own.stack.publicUrl}${SWEEP}`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${own.admin.token ?? ''}`, 'Content-Type': 'application/json' },
        body: '{}',
        signal: client.signal,
      }).catch(() => undefined);
      await waiting(1);
      client.abort();
      await gone;
      await sleep(200);
      await held.release();
      const [entry] = await until(
        () =>
          seed.query<{ detail: Record<string, unknown> }>(
            `SELECT detail FROM audit_log WHERE action = 'storage.sweep' ORDER BY id DESC LIMIT 1`,
          ),
        ([row]) => row?.detail.more === true,
      );
      expect(entry?.detail).toMatchObject({ dryRun: false, more: true });
      await sweep();
      await emptyTrash();
    });
  });

  it('kill -9 at 12 moments: nothing is lost, no byte is left', async () => {
    const kept = randomBytes(20_000);
    const keeper = await own.admin.upload(kept);
    const before = await filesBelow(root()).paths();
    let left = 0;
    for (let round = 0; round < 12; round += 1) {
      const files: FileJson[] = [];
      for (let at = 0; at < 40; at += 5)
        files.push(
          ...(await Promise.all(Array.from({ length: 5 }, () => own.admin.upload(randomBytes(500))))),
        );
      for (const file of files) await remove(file);
      await deletedBefore(2, ...files);
      // Those of the round before are at the second stage.
      await seed.query(`UPDATE blob_trash SET trashed_at = now() - interval '3 days'`);
      const sweeping = ask().catch(() => undefined);
      await sleep(round * 12);
      own.stack.app?.kill('SIGKILL');
      await own.stack.app?.exited;
      await sweeping;
      const [row] = await seed.query<{ count: string }>(
        'SELECT count(*) FROM files WHERE deleted_at IS NOT NULL AND blob_id IS NOT NULL',
      );
      left += Number(row?.count);
      expect(await account()).toEqual(nothingWrong);
      await own.stack.app?.start();
    }
    expect(left).toBeGreaterThan(0);
    await sweep();
    // A removal that was cut short is begun anew after five minutes.
    await seed.query(
      `UPDATE blob_trash SET trashed_at = now() - interval '3 days', removing_at = removing_at - interval '6 minutes'`,
    );
    await sweep();
    expect(await trash()).toEqual([]);
    await readable(keeper, kept);
    expect((await filesBelow(root()).paths()).toSorted()).toEqual(before.toSorted());
  }, 400_000);

  it('Redis away: expired files are put off and said so, the other steps go on; a replica that starts sweeps', async () => {
    const [expired, deleted] = [
      await own.admin.upload(randomBytes(40)),
      await own.admin.upload(randomBytes(41)),
    ];
    // The one of a start is over.
    await sweep();
    await seed.query(`UPDATE files SET expires_at = now() - interval '9 days' WHERE id = $1`, [expired.id]);
    await removeLongAgo(deleted);
    const table = await seed.lock('pending_objects');
    // The first step writes to the table: the request is past what it needs Redis for.
    const sweeping = ask();
    await waiting(1)
      .then(() => own.stack.redis?.stop())
      .finally(() => table.release());
    const answer = await sweeping.finally(() => own.stack.redis?.start());
    expect(answer.status, answer.text).toBe(200);
    const swept = answer.json as Swept;
    expect(step(swept, 'expired-files')).toMatchObject({ removed: 0, problem: 'dependency-unavailable' });
    expect(step(swept, 'unreferenced-blobs')).toMatchObject({ removed: 1, bytes: 41 });

    await own.stack.app?.stop();
    await own.stack.app?.start();
    const rows = await until(
      () => seed.query('SELECT FROM files WHERE id = $1 AND deleted_at IS NOT NULL', [expired.id]),
      ({ length }) => length === 1,
    );
    expect(rows).toHaveLength(1);
  });

  it.each([
    ['text', '"yes"'],
    ['a list', '[]'],
    ['another member', '{"dryrun": true}'],
    ['a text for a boolean', '{"dryRun": "false"}'],
    ['a number for a boolean', '{"dryRun": 0}'],
    ['broken JSON', '{'],
  ])('400 for %s', async (_, body) => {
    const answer = await own.admin.send(SWEEP, {
      method: 'POST',
      body,
      headers: { 'Content-Type': 'application/json' },
    });
    expectProblem(answer, 400, 'validation-failed');
  });

  it('is audited and logged, with numbers', async () => {
    const file = await own.admin.upload(randomBytes(77));
    await removeLongAgo(file);
    const answer = await ask();
    const [entry] = await seed.query(
      `SELECT outcome, request_id AS "requestId", detail FROM audit_log WHERE action = 'storage.sweep' ORDER BY id DESC LIMIT 1`,
    );
    const steps = [{ name: 'unreferenced-blobs', volume: 'local', found: 1, removed: 1, bytes: 77 }];
    expect(entry).toEqual({
      outcome: 'ok',
      requestId: answer.headers['x-request-id'],
      detail: { dryRun: false, more: false, steps },
    });
    const lines = (await readFile(join(own.stack.dataDir, 'log/app.log'), 'utf8'))
      .split('\n')
      .filter((line) => line.includes('"msg":"sweep"'))
      .map((line) => JSON.parse(line) as unknown);
    expect(lines.at(-1)).toMatchObject({ seconds: expect.any(Number) as unknown, more: false, steps });
  });
});
