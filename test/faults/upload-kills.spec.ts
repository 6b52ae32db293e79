import { randomBytes, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UploadStep } from '../../src/modules/uploads/upload-steps.js';
import type { FileJson } from '../harness/api.js';
import { expireUploads } from '../harness/expire-uploads.js';
import { KillPlan, keepRunning } from '../harness/kill-plan.js';
import { BUCKET, objectsIn, storeClient, takeAccount } from '../harness/objects.js';
import { useOwnStack } from '../harness/own-stack.js';
import { uploadByTusPatiently } from '../harness/patient-tus.js';
import { type Outcome, uploadPatiently } from '../harness/patient-upload.js';
import { Seed } from '../harness/seed.js';
import { inspectVolume } from '../harness/stored.js';
import { HAS_MINIO } from '../harness/stores.js';
import { UNLIMITED_UPLOADS } from '../harness/unlimited.js';
import { until } from '../harness/until.js';
import { MEBIBYTE, sha256Of, type UploadJson } from '../harness/uploads.js';

/** With one replica and a local volume: each step once, and more of them where there is time. */
const ROUNDS = Number(process.env.UPLOAD_KILL_ROUNDS ?? 13);

const STEPS: readonly UploadStep[] = [
  'session-inserted',
  'object-begun',
  'session-begun',
  'part-written',
  'part-acknowledged',
  'verifying',
  'object-completed',
  'content-verified',
  'publishing',
  'published',
  'duplicate-discarded',
  'session-failed',
  'session-removed',
];

interface Kills {
  readonly kind: 'local' | 's3';
  readonly protocol: 'chunks' | 'tus';
  readonly replicas: number;
  readonly rounds: number;
}

const CASES: readonly Kills[] = [
  { kind: 'local', protocol: 'chunks', replicas: 1, rounds: ROUNDS },
  { kind: 'local', protocol: 'chunks', replicas: 2, rounds: Math.ceil(ROUNDS / 7) },
  { kind: 's3', protocol: 'chunks', replicas: 1, rounds: Math.ceil(ROUNDS / 5) },
  { kind: 'local', protocol: 'tus', replicas: 1, rounds: Math.ceil(ROUNDS / 3) },
];

describe.each(CASES)(
  'kill -9 at every step of an upload ($protocol, $kind, $replicas replica(s))',
  (kills) => {
    const { kind, protocol, replicas, rounds } = kills;
    if (kind === 's3' && !HAS_MINIO) {
      it.skip('needs a MinIO');
      return;
    }
    const folder = mkdtempSync(join(tmpdir(), 'download-service-kills-'));
    const plan = new KillPlan(join(folder, 'plan'));
    afterAll(() => {
      rmSync(folder, { recursive: true });
    });
    const own = useOwnStack(
      {
        ...UNLIMITED_UPLOADS,
        ...plan.env,
        ...(kind === 's3' && { DEFAULT_VOLUME: 's3', S3_DELIVERY: 'accel-s3' }),
      },
      { replicas, s3: kind === 's3' },
    );
    const missed: string[] = [];
    let seed: Seed;
    beforeAll(() => {
      seed = Seed.open(own.stack);
    });
    afterAll(() => seed.close());

    const inspect = () =>
      kind === 'local'
        ? inspectVolume(seed, join(own.stack.dataDir, 'blobs'))
        : takeAccount(seed, { s3: objectsIn(storeClient(own.stack.env)) });
    const clean =
      kind === 'local' ? { orphans: [], broken: [], unfinished: [] } : { orphans: [], broken: [] };

    /** With one replica nobody holds a lease when it has ended: it need not be waited for. */
    const lapse = () =>
      replicas === 1
        ? seed.query(`UPDATE upload_leases SET seen_at = now() - interval '11 seconds'`)
        : Promise.resolve();

    const downloaded = async ({ id }: FileJson): Promise<string> => {
      const answer = await until(
        () => own.admin.download(id).catch(() => undefined),
        (answer) => answer?.status === 200,
        20_000,
      );
      return sha256Of(answer?.body ?? Buffer.alloc(0));
    };

    /** One upload, one kill. @returns its file, unless its end is another */
    const round = async (step: UploadStep, contents: readonly Buffer[]): Promise<Outcome> => {
      const isEmpty = !step.startsWith('part-') && randomInt(8) === 0;
      const fresh = randomBytes(isEmpty ? 0 : randomInt(1, 20 * MEBIBYTE));
      const known = contents[randomInt(8)];
      const bytes = known !== undefined && (known.length > 0 || isEmpty) ? known : fresh;
      const chunkSize = (2 + randomInt(3)) * MEBIBYTE;
      const used = kind === 's3' ? Math.max(chunkSize, 5 * MEBIBYTE) : chunkSize;
      // Each replica counts for itself.
      const occurrence =
        step.startsWith('part-') && replicas === 1 ? randomInt(Math.ceil(bytes.length / used)) + 1 : 1;
      const isShuffled = randomInt(2) === 0;
      const wrong = step === 'session-failed';
      // Of content that is there, announced, the file would be there at once.
      const isAnnounced = bytes === fresh && !isEmpty && randomInt(2) === 0;
      const sha256 = wrong ? sha256Of(randomBytes(1)) : isAnnounced ? sha256Of(bytes) : undefined;
      await plan.set(step, occurrence);
      const outcome =
        step === 'session-removed'
          ? await givenUp(bytes, chunkSize)
          : await uploaded(bytes, chunkSize, sha256, isShuffled);
      if (!plan.isDone) missed.push(`${step} ${occurrence}`);
      await plan.clear();
      if (outcome.file === undefined) return outcome;
      expect(wrong).toBe(false);
      expect(outcome.file.sha256).toBe(sha256Of(bytes));
      expect(await downloaded(outcome.file)).toBe(sha256Of(bytes));
      return outcome;
    };

    const uploaded = (bytes: Buffer, chunkSize: number, sha256: string | undefined, isShuffled: boolean) => {
      const announced = { patience: 60_000, ...(sha256 !== undefined && { sha256 }) };
      if (protocol === 'tus')
        return uploadByTusPatiently(own.admin, bytes, { pieceSize: chunkSize, ...announced });
      return uploadPatiently([own.admin], bytes, {
        chunkSize,
        parallel: 1 + randomInt(4),
        order: (indexes) => (isShuffled ? [...indexes].sort(() => randomInt(3) - 1) : indexes),
        ...announced,
      });
    };

    /** An upload of which some has come, and that its client does not want any more. */
    const givenUp = async (bytes: Buffer, chunkSize: number): Promise<Outcome> => {
      const upload = (
        await own.admin.post('/api/v1/uploads', { filename: 'a', size: bytes.length, chunkSize })
      ).json as UploadJson;
      const path = `/api/v1/uploads/${upload.uploadId}`;
      if (upload.chunkCount > 0)
        await own.admin.send(`${path}/chunks/0`, {
          method: 'PUT',
          body: bytes.subarray(0, upload.chunkSize),
        });
      const answer = await until(
        () => own.admin.delete(path).catch(() => undefined),
        (answer) => answer?.status === 204 || answer?.status === 404,
        20_000,
      );
      if (answer === undefined) throw new Error('nobody answered');
      return { answer, file: undefined, begun: 1 };
    };

    it(
      `${rounds} rounds: the right bytes are published, or nothing; the sweep leaves nothing behind`,
      {
        timeout: 60_000 + rounds * 15_000,
      },
      async () => {
        const stop = keepRunning(own.stack, lapse);
        const counts = { published: 0, refused: 0, begunAnew: 0 };
        const contents: Buffer[] = [];
        const files: FileJson[] = [];
        // Each step as often as every other, in any order.
        const steps = Array.from({ length: rounds }, (_, at) => STEPS[at % STEPS.length] ?? 'published').sort(
          () => randomInt(3) - 1,
        );
        try {
          for (const step of steps) {
            const { file, answer, begun } = await round(step, contents);
            if (file === undefined) {
              counts.refused += 1;
              expect(step, answer.text).toMatch(/^session-(failed|removed)$/);
              expect([204, 404, 422]).toContain(answer.status);
            } else {
              counts.published += 1;
              files.push(file);
              const { body } = await own.admin.download(file.id);
              if (contents.length < 8) contents.push(body);
            }
            if (begun > 1) counts.begunAnew += 1;
            if (kind === 'local') expect((await inspect()).broken).toEqual([]);
          }
        } finally {
          await stop();
        }
        expect(missed).toEqual([]);
        await expectNothingLeft();
        // Nothing is in its place that was not answered, but for what was begun anew after it was published.
        const [{ count } = { count: '' }] = await seed.query<{ count: string }>('SELECT count(*) FROM files');
        expect(Number(count)).toBe(files.length);
        process.stdout.write(
          `kill -9 (${protocol}, ${kind}, ${replicas}): ${rounds} rounds, ${counts.published} published, ${counts.refused} refused or given up, ${counts.begunAnew} begun anew\n`,
        );
      },
    );

    /** Nothing is left of an upload but the file that it became. */
    const expectNothingLeft = async () => {
      const keys = await seed.query<{ storage_path: string }>('SELECT storage_path FROM upload_sessions');
      await seed.query(`UPDATE upload_leases SET seen_at = now() - interval '11 seconds'`);
      await expireUploads(own.admin, seed);
      for (const table of ['pending_objects', 'upload_sessions', 'upload_chunks', 'upload_leases'])
        expect(await seed.query(`SELECT * FROM ${table}`), table).toEqual([]);
      expect(await inspect()).toEqual(clean);
      if (kind !== 's3') return;
      // MinIO names unfinished uploads only to who asks for the whole key.
      const client = storeClient(own.stack.env);
      for (const { storage_path: key } of keys)
        expect((await client.listIncompleteUploadsQuery(BUCKET, key, '', '', '')).uploads).toEqual([]);
    };
  },
);
