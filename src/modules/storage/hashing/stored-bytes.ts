import { type FileHandle, open } from 'node:fs/promises';
import type { FsVolume, S3Volume, VolumeConfig } from '../../../common/config/config.js';
import { countDead } from '../dead-buffers.js';
import { LocalVolume } from '../drivers/local-volume.js';
import { PARTS_NAME } from '../drivers/local-part-store.js';
import { S3ObjectStore } from '../drivers/s3/s3-object-store.js';
import type { ObjectKey } from '../object-key.js';
import { ObjectNotFound } from '../object-store.js';

/** Bytes read at a time. */
const ROOM = 2 ** 20;

/**
 * The bytes `from` … `to` (exclusive) of an object, or, on a local volume, of one that comes in parts. Each piece is to be used before
 * the next one is asked for.
 * @throws ObjectNotFound when there are not so many
 */
export function storedBytes(
  volume: VolumeConfig,
  key: ObjectKey,
  from: number,
  to: number,
): AsyncGenerator<Buffer> {
  if (volume.driver === 'fs') return fromFile(volume, key, from, to);
  return fromBucket(volume, key, from, to);
}

async function* fromFile(
  { root }: FsVolume,
  key: ObjectKey,
  from: number,
  to: number,
): AsyncGenerator<Buffer> {
  const file = await openEither(new LocalVolume(root), key);
  try {
    const room = Buffer.allocUnsafeSlow(Math.min(ROOM, to - from));
    for (let at = from; at < to;) {
      const { bytesRead } = await file.read(room, 0, Math.min(room.length, to - at), at);
      if (bytesRead === 0) throw new ObjectNotFound('the object is shorter');
      at += bytesRead;
      yield room.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** It may get its name between the two looks. */
async function openEither(volume: LocalVolume, key: ObjectKey): Promise<FileHandle> {
  const paths = [volume.temporaryPathOf(key, PARTS_NAME), volume.pathOf(key)];
  for (const path of paths) {
    const file = await open(path, 'r').catch(() => undefined);
    if (file !== undefined) return file;
  }
  throw new ObjectNotFound('no such object');
}

async function* fromBucket(
  volume: S3Volume,
  key: ObjectKey,
  from: number,
  to: number,
): AsyncGenerator<Buffer> {
  const store = new S3ObjectStore(volume);
  const signal = new AbortController().signal;
  for await (const chunk of await store.read(key, { first: from, last: to - 1 }, signal)) {
    yield chunk as Buffer;
    countDead((chunk as Buffer).length);
  }
}
