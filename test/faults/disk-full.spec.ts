import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { expectProblem } from '../harness/api.js';
import { useOwnStack } from '../harness/own-stack.js';
import { Seed } from '../harness/seed.js';
import {
  beginUpload,
  chunkOf,
  completed,
  completeUpload,
  getUpload,
  MEBIBYTE,
  putChunk,
  putChunks,
  sha256Of,
} from '../harness/uploads.js';

/** A file system of 8 MiB. Mounting one takes root, and a kernel that lets it. */
function smallDisk(): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'download-service-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', path], { stdio: 'ignore' });
    return path;
  } catch {
    rmSync(path, { recursive: true });
    return undefined;
  }
}

const disk = smallDisk();
const diskOfChunks = smallDisk();

describe.skipIf(disk === undefined)('a full disk (needs root, to mount a small one)', () => {
  // Hooks that end run last to first: the stack goes before its disk.
  afterAll(() => {
    execFileSync('umount', [disk ?? '']);
    rmSync(disk ?? '', { recursive: true });
  });
  const volume = { name: 'local', driver: 'fs', root: disk ?? '', delivery: 'accel' };
  const own = useOwnStack({ VOLUMES: JSON.stringify([volume]) });

  const objects = async () => {
    const entries = await readdir(disk ?? '', { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).length;
  };

  it('507 insufficient-storage, nothing left behind, what is there is served, and there is room again for what fits', async () => {
    const bytes = randomBytes(3 * 1024 * 1024);
    const kept = await own.admin.upload(bytes);
    for (let round = 0; round < 3; round += 1) {
      const answer = await own.admin.sendForm([
        { name: 'file', value: randomBytes(6 * 1024 * 1024), filename: 'x' },
      ]);
      expectProblem(answer, 507, 'insufficient-storage');
      expect(await objects()).toBe(1);
    }
    expect((await own.admin.download(kept.id)).body.equals(bytes)).toBe(true);
    expect((await own.admin.upload(randomBytes(3 * 1024 * 1024))).size).toBe(3 * 1024 * 1024);
  });

  it('of many at once those that fit are published whole, the others leave nothing', async () => {
    const before = await objects();
    const answers = await Promise.all(
      Array.from({ length: 12 }, () =>
        own.admin.sendForm([{ name: 'file', value: randomBytes(300 * 1024), filename: 'x' }]),
      ),
    );
    const published = answers.filter(({ status }) => status === 201);
    expect(answers.every(({ status }) => [201, 503, 507].includes(status))).toBe(true);
    expect(published.length).toBeLessThan(12);
    expect(await objects()).toBe(before + published.length);
    for (const answer of published) {
      const { id, sha256 } = answer.json as { id: string; sha256: string };
      expect((await own.admin.download(id)).headers.etag).toBe(`"${sha256}"`);
    }
  });
});

describe.skipIf(diskOfChunks === undefined)(
  'uploads in chunks and a full disk (needs root, to mount a small one)',
  () => {
    const root = diskOfChunks ?? '';
    afterAll(() => {
      execFileSync('umount', [root]);
      rmSync(root, { recursive: true });
    });
    const volume = { name: 'local', driver: 'fs', root, delivery: 'accel' };
    const own = useOwnStack({ VOLUMES: JSON.stringify([volume]) });

    const unfinished = async () =>
      (await readdir(join(root, '.tmp')).catch(() => [])).map((name) => join(root, '.tmp', name));

    it('507 at the beginning of an upload for which there is no room, and nothing is left of it', async () => {
      const announced = { filename: 'a', size: 9 * MEBIBYTE };
      expectProblem(await own.admin.post('/api/v1/uploads', announced), 507, 'insufficient-storage');
      expect(await unfinished()).toEqual([]);
      // Room is taken at once: of two that fit alone the second hears it before it has sent a byte.
      const first = await beginUpload(own.admin, { size: 5 * MEBIBYTE });
      const second = await own.admin.post('/api/v1/uploads', { filename: 'a', size: 5 * MEBIBYTE });
      expectProblem(second, 507, 'insufficient-storage');
      expect((await own.admin.delete(`/api/v1/uploads/${first.uploadId}`)).status).toBe(204);
      expect(await unfinished()).toEqual([]);
    });

    it('where room cannot be taken at once, 507 in the middle of a chunk; with room again the upload goes on', async () => {
      const bytes = randomBytes(5 * MEBIBYTE);
      const upload = await beginUpload(own.admin, { size: bytes.length, chunkSize: 2 * MEBIBYTE });
      await putChunks(own.admin, upload, bytes, [0]);
      const [path = ''] = await unfinished();
      // As on a file system without fallocate(2): the file has its length, and no room for what has not come.
      const hole = ['--punch-hole', '--offset', String(upload.chunkSize), '--length', String(bytes.length)];
      execFileSync('fallocate', [...hole, path]);
      const filler = join(root, 'filler');
      await writeFile(filler, Buffer.alloc(5 * MEBIBYTE));
      for (const index of [1, 1, 2]) {
        const answer = await putChunk(own.admin, upload, index, chunkOf(bytes, upload, index));
        if (index === 1) expectProblem(answer, 507, 'insufficient-storage');
      }
      await rm(filler);
      const { received } = await getUpload(own.admin, upload);
      expect(received).toContain(0);
      expect(received).not.toContain(1);
      await putChunks(own.admin, upload, bytes, [1, 2]);
      const file = await completed(own.admin, upload);
      expect(file.sha256).toBe(sha256Of(bytes));
      expect((await own.admin.download(file.id)).body.equals(bytes)).toBe(true);
    });

    it('no room to put parts together that were written apart: 507, and with room again the file is made', async () => {
      const seed = Seed.open(own.stack);
      const bytes = randomBytes(MEBIBYTE / 2);
      const upload = await beginUpload(own.admin, { size: bytes.length });
      // Somebody has begun the chunk, and was taken for dead.
      await seed.query(
        `INSERT INTO upload_leases (upload_id, slot, holder, seen_at)
         SELECT id, 0, gen_random_uuid(), now() - interval '11 seconds' FROM upload_sessions WHERE uid = $1`,
        [upload.uploadId],
      );
      await seed.close();
      await putChunks(own.admin, upload, bytes, [0]);
      expect(await unfinished()).toHaveLength(2);
      const filler = join(root, 'filler');
      // As much as there is.
      await writeFile(filler, Buffer.alloc(9 * MEBIBYTE)).catch(() => undefined);
      expectProblem(await completeUpload(own.admin, upload), 507, 'insufficient-storage');
      expect(await unfinished()).toHaveLength(2);
      await rm(filler);
      const file = await completed(own.admin, upload);
      expect(file.sha256).toBe(sha256Of(bytes));
      expect((await own.admin.download(file.id)).body.equals(bytes)).toBe(true);
      expect(await unfinished()).toEqual([]);
    });
  },
);
