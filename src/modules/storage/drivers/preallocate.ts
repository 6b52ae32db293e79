import { execFile } from 'node:child_process';
import type { FileHandle } from 'node:fs/promises';
import { VolumeFull } from '../object-store.js';

/**
 * Gives a file its room on the disk before its bytes come, so that a disk that is too full says so now, and the file lies in one
 * piece. Node has no fallocate(2): util-linux's program is asked, and a file system or a machine without it gives a sparse file.
 * @throws VolumeFull when there is no room
 */
export async function preallocate(file: FileHandle, path: string, size: number): Promise<void> {
  if (size === 0) return;
  const refusal = await fallocate(path, size);
  if (refusal?.includes('No space left') === true || refusal?.includes('quota exceeded') === true) {
    throw new VolumeFull('no room', { cause: new Error(refusal) });
  }
  if (refusal !== undefined) await file.truncate(size);
}

/** @returns why not; undefined when it has been done */
function fallocate(path: string, size: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
    execFile('fallocate', ['--length', String(size), path], { env }, (error, _, refusal) => {
      resolve(error === null ? undefined : refusal || error.message);
    });
  });
}
