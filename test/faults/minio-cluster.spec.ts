import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem, type FileJson } from '../harness/api.js';
import type { Answer } from '../harness/http.js';
import { CAN_FORM_CLUSTER, type MinioNode, useMinioCluster } from '../harness/minio-cluster.js';
import { useOwnStack } from '../harness/own-stack.js';
import { Seed } from '../harness/seed.js';
import { downloadWhole } from '../harness/whole-download.js';

/**
 * The ways from the cluster to the client on a volume that is `auto`: redirected to the public entrance, and by our nginx, which
 * gets what is conditional. What was cut is always asked for with a condition.
 */
const WAYS: readonly Record<string, string>[] = [{}, { 'If-None-Match': '"another"' }];

const BUCKET = 'download-service';
/** More than all sockets on the way hold for a client that does not read. */
const HUGE = 48 * 2 ** 20;
/** Two parts. */
const LARGE = 8 * 2 ** 20;
/** One request. */
const SMALL = 100_000;
/** Milliseconds between the requests of one client: this is about the node, not about how much two cores can do. */
const PAUSE = 50;

const name = CAN_FORM_CLUSTER ? '' : ' (skipped: no MinIO, or no right to make a network namespace)';
describe.skipIf(!CAN_FORM_CLUSTER)(`MinIO of four nodes${name}`, () => {
  const cluster = useMinioCluster();

  const own = useOwnStack(() => ({
    DEFAULT_VOLUME: 's3',
    S3_ENDPOINT: cluster.internalUrl,
    S3_PUBLIC_ENDPOINT: cluster.publicUrl,
    S3_ACCESS_KEY: cluster.accessKey,
    S3_SECRET_KEY: cluster.secretKey,
    RATE_LIMIT_API: '1000000',
  }));
  let seed: Seed;
  beforeAll(() => {
    seed = Seed.open(own.stack);
  });
  afterAll(() => seed.close());

  /** Everything that a test has uploaded while all nodes, or three of them, were there. */
  const uploaded: { file: FileJson; withoutOne: boolean }[] = [];
  const nodes = () => {
    const [first, second, third] = cluster.nodes as [MinioNode, MinioNode, MinioNode];
    return { first, second, third };
  };
  const upload = async (size: number): Promise<Answer> => {
    const withoutOne = !nodes().first.part.running;
    const value = randomBytes(size);
    const answer = await own.admin.sendForm([{ name: 'file', value, filename: 'a.bin' }]);
    if (answer.status === 201) uploaded.push({ file: answer.json as FileJson, withoutOne });
    return answer;
  };

  /** Files whose object has nothing on the node's drive. */
  const lackingAt = async ({ drive }: MinioNode): Promise<FileJson[]> => {
    const paths = await seed.query<{ id: string; path: string }>(
      'SELECT f.id, b.storage_path AS path FROM files f JOIN blobs b ON b.id = f.blob_id',
    );
    const pathOf = new Map(paths.map(({ id, path }) => [id, path]));
    const found = await Promise.all(
      uploaded.map(({ file }) =>
        stat(join(drive, BUCKET, pathOf.get(file.id) ?? '', 'xl.meta')).catch(() => undefined),
      ),
    );
    return uploaded.filter((_, index) => found[index] === undefined).map(({ file }) => file);
  };

  it('a node is killed under load: every download becomes whole, and uploads go on', async () => {
    const { first } = nodes();
    // When it is tried again, nodes have been killed before: they find each other again within seconds.
    if (!first.part.running) await first.part.start();
    await expect.poll(() => cluster.canLoseOne(), { timeout: 30_000 }).toBe(true);
    for (const size of [HUGE, LARGE, SMALL]) expect((await upload(size)).status).toBe(201);
    const [huge, ...files] = uploaded.slice(-3).map(({ file }) => file) as [FileJson, ...FileJson[]];
    // What is decided is remembered for a while: on a busy machine PostgreSQL takes its time.
    for (const file of [huge, ...files]) await own.admin.download(file.id, {}, 'HEAD');
    const end = new AbortController();
    const failed: unknown[] = [];
    const count = { downloads: 0, refused: 0 };
    const again = async (work: () => Promise<unknown>) => {
      while (!end.signal.aborted) {
        await work().catch((error: unknown) => failed.push(error));
        await sleep(PAUSE);
      }
    };
    // In the middle of their bodies when the node goes: `least_conn` has one of them at each node.
    const killed = Promise.withResolvers<undefined>();
    const paused = [...WAYS, ...WAYS].map((headers) =>
      downloadWhole(own.admin, huge, { headers, pause: killed.promise }).catch((error: unknown) =>
        failed.push(error),
      ),
    );
    const load = [
      ...WAYS.map((headers) =>
        again(async () => {
          for (const file of files) await downloadWhole(own.admin, file, { headers });
          count.downloads += files.length;
        }),
      ),
      ...[LARGE, SMALL].map((size) =>
        again(async () => {
          const answer = await upload(size);
          if (answer.status === 201) return;
          expectProblem(answer, 503, 'dependency-unavailable');
          count.refused += 1;
        }),
      ),
    ];
    await sleep(1_000);
    first.part.kill('SIGKILL');
    killed.resolve(undefined);
    await sleep(4_000);
    end.abort();
    await Promise.all([...paused, ...load]);

    expect(failed).toEqual([]);
    expect(count.downloads).toBeGreaterThan(5);
    expect(uploaded.filter(({ withoutOne }) => withoutOne).length).toBeGreaterThan(2);
    // Only what the node had in hand: one request of each of the two.
    expect(count.refused).toBeLessThanOrEqual(2);
  });

  it('it comes back and heals: then any two others may go', async () => {
    const { first, second, third } = nodes();
    const missed = uploaded.filter(({ withoutOne }) => withoutOne).map(({ file }) => file);
    if (!first.part.running) {
      expect(await lackingAt(first)).toEqual(expect.arrayContaining(missed));
      await first.part.start();
    }
    // When it is tried again.
    for (const { part } of [second, third]) if (!part.running) await part.start();
    // What is read is repaired, once the others have found the node again.
    await expect
      .poll(
        async () => {
          for (const file of await lackingAt(first)) await downloadWhole(own.admin, file);
          return (await lackingAt(first)).length;
        },
        { timeout: 30_000, interval: 500 },
      )
      .toBe(0);

    for (const { part } of [second, third]) part.kill('SIGKILL');
    // The load balancer may have to find out first which nodes are left.
    for (const file of missed) {
      await expect
        .poll(() => downloadWhole(own.admin, file).catch(String), { timeout: 15_000 })
        .toEqual({ cut: 0 });
    }
    // With two of four it takes nothing new; with three it does.
    await Promise.all([second, third].map(({ part }) => part.start()));
    await expect.poll(async () => (await upload(SMALL)).status, { timeout: 20_000 }).toBe(201);
  });
});
