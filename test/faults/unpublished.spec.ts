import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem, type FileJson, multipart } from '../harness/api.js';
import { useOwnStack } from '../harness/own-stack.js';
import { Seed } from '../harness/seed.js';
import { inspectVolume } from '../harness/stored.js';

describe('uploads that are cut short by a crash', () => {
  const own = useOwnStack();
  let seed: Seed;
  const root = () => join(own.stack.dataDir, 'blobs');

  beforeAll(() => {
    seed = Seed.open(own.stack);
  });
  afterAll(() => seed.close());

  const restart = async () => {
    own.stack.app?.kill('SIGKILL');
    await own.stack.app?.exited;
    await own.stack.app?.start();
  };
  /** As if an hour had passed; a replica sweeps when it starts. */
  const sweep = async () => {
    await seed.query(`UPDATE pending_objects SET seen_at = now() - interval '2 hours'`);
    await restart();
    for (let round = 0; round < 100; round += 1) {
      if ((await seed.query('SELECT 1 FROM pending_objects')).length === 0) return;
      await sleep(50);
    }
  };

  it('kill -9 at 16 moments of an upload: what is published is right, what is answered is published, and the sweep leaves no byte behind', async () => {
    const answered: FileJson[] = [];
    const contents = new Map<string, Buffer>();
    const outcomes = { published: 0, lost: 0 };
    for (let round = 0; round < 16; round += 1) {
      const bytes = randomBytes(1_500_000);
      const { body, headers } = multipart([{ name: 'file', value: bytes, filename: `${round}.bin` }]);
      // Arrives in about 60 ms, and the first upload of a process also waits for the thread that looks at contents; the kill comes between the
      // first byte and well behind the answer.
      const slowly = Readable.from(
        (async function* () {
          for (let at = 0; at < body.length; at += 250_000) {
            yield body.subarray(at, at + 250_000);
            await sleep(8);
          }
        })(),
      );
      const uploading = own.admin
        .send('/api/v1/files', { method: 'POST', body: slowly, headers })
        .catch(() => undefined);
      await sleep(5 + round * 60);
      await restart();
      const answer = await uploading;
      if (answer?.status === 201) {
        const file = answer.json as FileJson;
        answered.push(file);
        contents.set(file.id, bytes);
        outcomes.published += 1;
      } else {
        outcomes.lost += 1;
      }
      expect((await inspectVolume(seed, root())).broken).toEqual([]);
    }
    expect(outcomes.published).toBeGreaterThan(0);
    expect(outcomes.lost).toBeGreaterThan(0);
    for (const { id } of answered) {
      expect((await own.admin.download(id)).body.equals(contents.get(id) ?? Buffer.alloc(0))).toBe(true);
    }
    await sweep();
    expect(await inspectVolume(seed, root())).toEqual({ orphans: [], broken: [], unfinished: [] });
    for (const { id } of answered) expect((await own.admin.download(id)).status).toBe(200);
  }, 180_000);

  it('PostgreSQL lost after the bytes and before the end of the form: 503, nothing published, and the sweep finds the bytes', async () => {
    const { body, headers } = multipart([{ name: 'file', value: randomBytes(100_000), filename: 'x' }]);
    const files = async () => (await seed.query<{ count: string }>('SELECT count(*) FROM files'))[0]?.count;
    const before = await files();
    const held = Readable.from(
      (async function* () {
        yield body.subarray(0, body.length - 10);
        await sleep(300);
        await own.stack.postgres?.stop();
        yield body.subarray(body.length - 10);
      })(),
    );
    expectProblem(
      await own.admin.send('/api/v1/files', { method: 'POST', body: held, headers }),
      503,
      'dependency-unavailable',
    );
    await own.stack.postgres?.start();
    expect(await files()).toBe(before);
    expect((await inspectVolume(seed, root())).orphans).toHaveLength(1);
    await sweep();
    expect(await inspectVolume(seed, root())).toEqual({ orphans: [], broken: [], unfinished: [] });
  });

  it('two sweeps at once share the work, and spare what is still being written', async () => {
    const { body, headers } = multipart([{ name: 'file', value: randomBytes(100_000), filename: 'x' }]);
    const held = Readable.from(
      (async function* () {
        yield body.subarray(0, 50_000);
        await sleep(1_500);
        yield body.subarray(50_000);
      })(),
    );
    const uploading = own.admin.send('/api/v1/files', { method: 'POST', body: held, headers });
    await sleep(300);
    expect(await seed.query('SELECT 1 FROM pending_objects')).toHaveLength(1);
    expect((await uploading).status).toBe(201);
    expect(await seed.query('SELECT 1 FROM pending_objects')).toEqual([]);
  });
});
