import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { expectProblem } from '../harness/api.js';
import { useOwnStack } from '../harness/own-stack.js';

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
