import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rename, truncate, unlink, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'minio';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Api, FileJson } from '../harness/api.js';
import { type Moved, startMoving } from '../harness/move-blobs.js';
import { BUCKET, filesBelow, objectsIn, storeClient, takeAccount } from '../harness/objects.js';
import { useOwnStack } from '../harness/own-stack.js';
import { Seed } from '../harness/seed.js';
import { HAS_MINIO } from '../harness/stores.js';

interface Uploaded {
  readonly file: FileJson;
  readonly bytes: Buffer;
}

interface Place {
  readonly id: string;
  readonly volume: string;
  readonly path: string;
  readonly tags: string[];
}

const MIB = 2 ** 20;

/** Real: PostgreSQL, Redis, nginx, MinIO, files, the built command. */
describe.skipIf(!HAS_MINIO)('move-blobs', () => {
  const own = useOwnStack(
    { S3_DELIVERY: 'stream', RATE_LIMIT_API: '1000000', BLOB_TRASH_DAYS: '2' },
    { s3: true },
  );
  let seed: Seed;
  let client: Client;
  const root = () => join(own.stack.dataDir, 'blobs');
  const account = () => takeAccount(seed, { local: filesBelow(root()), s3: objectsIn(client) });
  const nothingWrong = { orphans: [], broken: [] };

  const move = (...args: string[]): Promise<Moved> => startMoving(own.stack.env, ...args).end;
  const toS3 = (...more: string[]) => move('--from', 'local', '--to', 's3', ...more);
  const toLocal = (...more: string[]) => move('--from', 's3', '--to', 'local', ...more);

  const upload = async (size: number, volume = 'local', api: Api = own.admin): Promise<Uploaded> => {
    const bytes = randomBytes(size);
    return { bytes, file: await api.upload(bytes, volume === 'local' ? {} : { volume }) };
  };
  const placeOf = async ({ file }: Uploaded): Promise<Place> => {
    const [row] = await seed.query(
      `SELECT b.id, b.volume, b.storage_path AS path, b.store_tags AS tags FROM files f JOIN blobs b ON b.id = f.blob_id
       WHERE f.id = $1`,
      [file.id],
    );
    return row as Place;
  };
  const readable = async ({ file, bytes }: Uploaded, api = own.admin) => {
    const answer = await api.download(file.id);
    expect(answer.status, answer.text.slice(0, 300)).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
  };
  /** A client that reads the first bytes and then waits until it is told to go on. */
  const slowly = async ({ file }: Uploaded): Promise<() => Promise<Buffer>> => {
    const headers = { Authorization: `Bearer ${own.admin.token ?? ''}` };
    const outgoing = request(`${own.stack.publicUrl}/download/${file.id}`, { headers, agent: false }).end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect(incoming.statusCode).toBe(200);
    return () => buffer(incoming);
  };
  const restart = async () => {
    await own.stack.app?.stop();
    await own.stack.app?.start();
  };

  /** A MinIO that was frozen takes its drives for lost until it has looked at them again. */
  const served = async () => {
    for (let round = 0; round < 300 && !(await client.bucketExists(BUCKET).catch(() => false)); round += 1)
      await sleep(100);
  };

  beforeAll(() => {
    seed = Seed.open(own.stack);
    client = storeClient(own.stack.env);
  });
  afterAll(() => seed.close());
  /** Each test begins with volumes that hold nothing. */
  beforeEach(async () => {
    await seed.query('DELETE FROM files');
    await seed.query('DELETE FROM blobs');
    await seed.query('DELETE FROM blob_trash');
    await seed.query('DELETE FROM pending_objects');
    for (const path of await objectsIn(client).paths()) await client.removeObject(BUCKET, path);
    for (const path of await filesBelow(root()).paths()) await unlink(join(root(), path));
  });

  it.each([
    ['local', 's3'],
    ['s3', 'local'],
  ])('%s → %s, while it is being downloaded', async (from, to) => {
    const all = [
      await upload(24 * MIB, from),
      await upload(7 * MIB, from),
      await upload(1, from),
      await upload(0, from),
    ];
    const [large] = all as [Uploaded];
    // One content, two files.
    const again = {
      bytes: large.bytes,
      file: await own.admin.upload(large.bytes, { filename: 'again.bin' }),
    };
    for (const one of [...all, again]) await readable(one);
    const before = await Promise.all(all.map(placeOf));
    expect(new Set(before.map(({ volume }) => volume))).toEqual(new Set([from]));

    const rest = await slowly(large);
    const { body: head, headers } = await own.admin.download(large.file.id, { Range: 'bytes=0-9999999' });
    const moved = await move('--from', from, '--to', to);
    expect(moved).toMatchObject({ code: 0 });
    const bytes = 31 * MIB + 1;
    expect(moved.summary).toMatchObject({
      from,
      to,
      blobs: 4,
      bytes,
      moved: 4,
      movedBytes: bytes,
      failed: 0,
    });
    expect(moved.stderr).toContain('4 of 4 blobs, 31.0 MiB of 31.0 MiB');
    expect((await rest()).equals(large.bytes)).toBe(true);

    const after = await Promise.all(all.map(placeOf));
    for (const [index, { volume, path, tags }] of after.entries()) {
      expect(volume).toBe(to);
      // RULES 6.1: never reused.
      expect(path).not.toBe(before[index]?.path);
      const known = before[index]?.tags ?? [];
      if (to === 's3') expect(tags).toEqual([...known, expect.stringMatching(/^"[0-9a-f-]+"$/)]);
      else expect(tags).toEqual(known);
    }
    const trash = await seed.query('SELECT volume, storage_path AS path, reason FROM blob_trash ORDER BY 2');
    expect(trash).toEqual(
      before
        .map(({ path }) => ({ volume: from, path, reason: 'moved' }))
        .toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    );
    expect(await account()).toEqual(nothingWrong);

    // A resume that begins behind the switch has the same validators and goes on.
    const { etag = '' } = headers;
    const tail = await own.admin.download(large.file.id, { Range: 'bytes=10000000-', 'If-Range': etag });
    expect(tail.status).toBe(206);
    expect(tail.headers).toMatchObject({ etag, 'last-modified': headers['last-modified'] });
    expect(Buffer.concat([head, tail.body]).equals(large.bytes)).toBe(true);

    // Who has decided on the old place a moment ago does not decide on it again: without the old objects all is there.
    for (const { path } of before) {
      if (from === 'local')
        await rename(join(root(), path), join(own.stack.dataDir, path.replaceAll('/', '-')));
      else await client.removeObject(BUCKET, path);
    }
    for (const one of [...all, again]) await readable(one);
  });

  it('what was decided on before the switch, and what a replica keeps in memory, is read from the old place until it goes', async () => {
    const file = await upload(3 * MIB);
    await readable(file);
    const { path } = await placeOf(file);
    expect((await toS3()).code).toBe(0);
    // As if the replica had not been told: the object is still there.
    await seed.query(`UPDATE blobs SET volume = 'local', storage_path = $1`, [path]);
    await seed.changed(`file:${file.file.id}`);
    await readable(file);
  });

  it.each([
    [['--from', 'local', '--to', 'local'], '--from and --to name the same volume'],
    [['--from', 'local', '--to', 'tape'], 'there is no volume "tape" in the configuration, only local, s3'],
    [['--from', 'local', '--to', 's3', '--tenant', 'nobody'], 'there is no tenant with the slug "nobody"'],
    [['--from', 'local', '--to', 's3', '--force'], '--force'],
  ])('%j is refused by name', async (args, said) => {
    const { code, summary, stderr } = await move(...args);
    expect(code).toBe(1);
    expect(summary).toBeUndefined();
    expect(stderr).toMatch(/^move-blobs failed: /);
    expect(stderr).toContain(said);
    expect(stderr).not.toContain('    at ');
  });

  it('--dry-run counts; --limit and --tenant choose', async () => {
    const tenantId = await seed.tenant();
    const [tenant] = await seed.query<{ slug: string }>('SELECT slug FROM tenants WHERE id = $1', [tenantId]);
    const { email, password } = await seed.user(tenantId);
    const theirs = await upload(1_000, 'local', await own.anonymous.login(email, password));
    const ours = [await upload(10), await upload(20), await upload(30)];
    expect(await toS3('--dry-run')).toMatchObject({
      code: 0,
      summary: { dryRun: true, blobs: 4, bytes: 1_060, moved: 0 },
    });
    const slug = tenant?.slug ?? '';
    expect((await toS3('--dry-run', '--tenant', slug)).summary).toMatchObject({ blobs: 1, bytes: 1_000 });
    expect(await Promise.all(ours.map(placeOf))).toMatchObject(ours.map(() => ({ volume: 'local' })));

    expect((await toS3('--tenant', slug)).summary).toMatchObject({ moved: 1, movedBytes: 1_000 });
    expect((await placeOf(theirs)).volume).toBe('s3');
    expect((await toS3('--limit', '2')).summary).toMatchObject({ blobs: 2, moved: 2 });
    expect((await toS3('--limit', '2')).summary).toMatchObject({ blobs: 1, moved: 1 });
    expect((await toS3()).summary).toMatchObject({ blobs: 0, moved: 0, failed: 0 });
    expect(await account()).toEqual(nothingWrong);
  }, 180_000);

  it('an object that is lost, cut short or changed is told and left as it is; the rest is moved', async () => {
    const [lost, cut, changed, longer, good] = (await Promise.all(
      [5_000, 6_000, 7_000, 8_000, 9_000].map((size) => upload(size)),
    )) as [Uploaded, Uploaded, Uploaded, Uploaded, Uploaded];
    const bad = [lost, cut, changed, longer];
    const places = await Promise.all(bad.map(placeOf));
    const [atLost, atCut, atChanged, atLonger] = places.map(({ path }) => join(root(), path)) as [
      string,
      string,
      string,
      string,
    ];
    await unlink(atLost);
    await truncate(atCut, 5_999);
    await writeFile(atChanged, randomBytes(7_000));
    await truncate(atLonger, 8_001);
    const { code, summary, stderr } = await toS3();
    expect(code).toBe(1);
    expect(summary).toMatchObject({ blobs: 5, moved: 1, movedBytes: 9_000, failed: 4 });
    const faults = ['missing', 'size-differs', 'hash-differs', 'size-differs'];
    for (const [index, { id, path }] of places.entries())
      expect(stderr).toMatch(
        new RegExp(`^blob ${id} of tenant \\d+ at local/${path}: ${faults[index] ?? ''}$`, 'm'),
      );
    expect(await Promise.all(bad.map(placeOf))).toEqual(places);
    await readable(good);
    expect(await seed.query('SELECT FROM pending_objects')).toEqual([]);
    expect((await account()).orphans).toEqual([]);
  });

  it('the same from a bucket', async () => {
    const [lost, changed, good] = (await Promise.all(
      [6 * MIB, 6 * MIB, 100].map((size) => upload(size, 's3')),
    )) as [Uploaded, Uploaded, Uploaded];
    const places = await Promise.all([lost, changed].map(placeOf));
    await client.removeObject(BUCKET, places[0]?.path ?? '');
    await client.putObject(BUCKET, places[1]?.path ?? '', randomBytes(6 * MIB));
    const { code, summary, stderr } = await toLocal();
    expect(code).toBe(1);
    expect(summary).toMatchObject({ moved: 1, failed: 2 });
    expect(stderr).toContain(`s3/${places[0]?.path ?? ''}: missing`);
    expect(stderr).toContain(`s3/${places[1]?.path ?? ''}: hash-differs`);
    await readable(good);
    expect((await account()).orphans).toEqual([]);
  });

  it('two commands at once: one moves, the other says so', async () => {
    for (let at = 0; at < 40; at += 1) await upload(200_000 + at);
    const ends = await Promise.all([toS3(), toS3()]);
    expect(ends.map(({ code }) => code).toSorted()).toEqual([0, 1]);
    const refused = ends.find(({ code }) => code === 1);
    expect(refused?.stderr).toBe('move-blobs failed: another process is moving blobs already\n');
    expect(ends.find(({ code }) => code === 0)?.summary).toMatchObject({ moved: 40 });
    expect(await account()).toEqual(nothingWrong);
  });

  it('content that is uploaded again while it is moved stays one blob', async () => {
    const file = await upload(20 * MIB);
    const moving = toS3();
    const again = await Promise.all(Array.from({ length: 6 }, () => own.admin.upload(file.bytes)));
    expect((await moving).code).toBe(0);
    expect(await seed.query('SELECT FROM blobs')).toHaveLength(1);
    for (const one of again) await readable({ file: one, bytes: file.bytes });
    expect(await account()).toEqual(nothingWrong);
  });

  it('kill -9 at 10 moments: nothing is lost, nothing is there twice, and the next command goes on', async () => {
    const all: Uploaded[] = [];
    for (let at = 0; at < 40; at += 1) all.push(await upload(at % 6 === 0 ? 6 * MIB : 150_000 + at));
    let kills = 0;
    let movedBefore = 0;
    for (let round = 0; round < 10; round += 1) {
      const [now] = await seed.query<{ since: Date }>('SELECT now() AS since');
      const { child, end } = startMoving(own.stack.env, '--from', 'local', '--to', 's3', '--limit', '6');
      // From the first object that is begun on; a copy and its switch take some 20 ms here.
      while (
        child.exitCode === null &&
        (await seed.query('SELECT FROM pending_objects WHERE seen_at > $1', [now?.since])).length === 0
      )
        await sleep(2);
      await sleep((round * 33) % 160);
      child.kill('SIGKILL');
      if ((await end).code === null) kills += 1;
      expect(await account()).toEqual(nothingWrong);
      const [row] = await seed.query<{ count: string }>(`SELECT count(*) FROM blobs WHERE volume = 's3'`);
      const moved = Number(row?.count);
      expect(moved).toBeGreaterThanOrEqual(movedBefore);
      movedBefore = moved;
    }
    expect(kills).toBeGreaterThanOrEqual(7);
    expect(movedBefore).toBeGreaterThan(0);
    expect(movedBefore).toBeLessThan(40);
    const last = await toS3();
    expect(last).toMatchObject({ code: 0, summary: { moved: 40 - movedBefore, failed: 0 } });
    for (const one of all) await readable(one);
    expect(await seed.query('SELECT FROM blob_trash')).toHaveLength(40);

    // What the killed ones have left goes with the sweep, whole objects and unfinished uploads alike.
    await seed.query(`UPDATE pending_objects SET seen_at = now() - interval '2 hours'`);
    await restart();
    for (let round = 0; round < 100; round += 1) {
      if ((await seed.query('SELECT FROM pending_objects')).length === 0) break;
      await sleep(50);
    }
    expect(await objectsIn(client).paths()).toHaveLength(40);
    expect(await account()).toEqual(nothingWrong);
    for (const one of all) await readable(one);
  }, 240_000);

  it('SIGTERM: ends in order, and leaves nothing half done', async () => {
    for (let at = 0; at < 60; at += 1) await upload(MIB + at);
    const { child, end } = startMoving(own.stack.env, '--from', 'local', '--to', 's3');
    while ((await seed.query('SELECT FROM blob_trash')).length === 0) await sleep(20);
    child.kill('SIGTERM');
    const { code, summary, stderr } = await end;
    expect(code).toBe(1);
    expect(summary).toMatchObject({ stopped: 'interrupted', failed: 0 });
    expect(stderr).toContain('The same command goes on from here');
    expect(summary?.moved).toBeLessThan(60);
    expect(await seed.query('SELECT FROM pending_objects')).toEqual([]);
    expect(await account()).toEqual(nothingWrong);
  });

  it.each(['refuses', 'is frozen'])(
    'a target that %s ends it with the cause; nothing is lost',
    async (how) => {
      const all: Uploaded[] = [];
      for (let at = 0; at < 20; at += 1) all.push(await upload(300_000 + at));
      const { minio } = own.stack;
      const away = () => (how === 'refuses' ? minio?.stop() : minio?.kill('SIGSTOP'));
      const back = () => (how === 'refuses' ? minio?.start() : minio?.kill('SIGCONT'));
      await away();
      const { code, summary, stderr } = await toS3().finally(back);
      await served();
      expect(code).toBe(1);
      expect(summary).toMatchObject({ moved: 0, failed: 0 });
      expect(String(summary?.stopped)).toMatch(how === 'refuses' ? /ECONNREFUSED/ : /no byte within/);
      expect(stderr).toContain('stopped: the object store is not available');
      for (const one of all) await readable(one);
      expect((await toS3()).summary).toMatchObject({ moved: 20 });
      for (const one of all) await readable(one);
      expect(await account()).toEqual(nothingWrong);
    },
    120_000,
  );

  it('a store that is away for a second is waited for', async () => {
    const file = await upload(300_000);
    await own.stack.minio?.stop();
    const moving = toS3();
    await sleep(1_500);
    await own.stack.minio?.start();
    expect(await moving).toMatchObject({ code: 0, summary: { moved: 1 } });
    await readable(file);
  });

  it('Redis away: nobody could be told, so nothing is switched', async () => {
    const file = await upload(300_000);
    await own.stack.redis?.stop();
    const { code, summary } = await toS3().finally(() => own.stack.redis?.start());
    expect(code).toBe(1);
    expect(summary).toMatchObject({ moved: 0 });
    expect(String(summary?.stopped)).toContain('Redis is not available');
    for (let round = 0; round < 100 && (await own.admin.download(file.file.id)).status !== 200; round += 1)
      await sleep(50);
    await readable(file);
    expect((await placeOf(file)).volume).toBe('local');
    expect(await seed.query('SELECT FROM pending_objects')).toEqual([]);
    expect(await account()).toEqual(nothingWrong);
  });

  describe('the trash', () => {
    const old = (days: number, path: string) =>
      seed.query(`UPDATE blob_trash SET trashed_at = now() - $1 * interval '1 day' WHERE storage_path = $2`, [
        days,
        path,
      ]);
    const swept = async (count: number) => {
      await restart();
      for (let round = 0; round < 100; round += 1) {
        if ((await seed.query('SELECT FROM blob_trash')).length === count) return;
        await sleep(50);
      }
    };

    it.each([
      ['local', 's3'],
      ['s3', 'local'],
    ])('bytes of %s go when their days are over, not before', async (from, to) => {
      const [due, waiting] = [await upload(10_000, from), await upload(20_000, from)];
      const [gone, kept] = [await placeOf(due), await placeOf(waiting)];
      expect((await move('--from', from, '--to', to)).code).toBe(0);
      const objects = from === 'local' ? filesBelow(root()) : objectsIn(client);
      await old(2.1, gone.path);
      await old(1.9, kept.path);
      await swept(1);
      const paths = await objects.paths();
      expect(paths).not.toContain(gone.path);
      expect(paths).toContain(kept.path);
      expect(await seed.query('SELECT storage_path AS path FROM blob_trash')).toEqual([{ path: kept.path }]);
      for (const one of [due, waiting]) await readable(one);
    });

    it('bytes that a blob has after all are not removed', async () => {
      const file = await upload(10_000);
      const { path } = await placeOf(file);
      await seed.query(
        `INSERT INTO blob_trash (tenant_id, volume, storage_path, reason, trashed_at)
         SELECT tenant_id, volume, storage_path, 'unreferenced', now() - interval '9 days' FROM blobs`,
      );
      await swept(0);
      expect(await filesBelow(root()).paths()).toContain(path);
      await readable(file);
    });

    it('a volume that is away does not keep the others full', async () => {
      const file = await upload(10_000);
      const { path } = await placeOf(file);
      expect((await toS3()).code).toBe(0);
      const [row] = await seed.query<{ tenant: string }>('SELECT tenant_id AS tenant FROM blob_trash');
      await seed.query(
        `INSERT INTO blob_trash (tenant_id, volume, storage_path, reason)
         SELECT $1::bigint, v, $1::bigint || '/00/' || repeat('0', 30), 'moved' FROM unnest(ARRAY['s3', 'unknown']) v`,
        [row?.tenant],
      );
      await seed.query(`UPDATE blob_trash SET trashed_at = now() - interval '9 days'`);
      await own.stack.minio?.stop();
      try {
        await swept(2);
      } finally {
        await own.stack.minio?.start();
      }
      expect(await filesBelow(root()).paths()).not.toContain(path);
      const left = await seed.query<{ volume: string }>('SELECT volume FROM blob_trash');
      expect(left.map(({ volume }) => volume).toSorted()).toEqual(['s3', 'unknown']);
    });
  });
});
