import { createHash } from 'node:crypto';
import { crc32 } from '@node-rs/crc32';
import { LRUCache } from 'lru-cache';
import type { VolumeConfig } from '../../../common/config/config.js';
import { isUnavailable } from '../../../common/problems/index.js';
import type { ContentFacts } from '../content-digest.js';
import type { ObjectKey } from '../object-key.js';
import { ObjectNotFound } from '../object-store.js';
import { isContentMissing } from '../storage.problems.js';
import { storedBytes } from './stored-bytes.js';

/** Runs in the one worker thread of `BackgroundDigests`, many at a time. */
export type DigestTask =
  /** Takes what there is, from what has been taken before through `through` (bytes, exclusive). */
  | {
      readonly kind: 'follow';
      readonly volume: VolumeConfig;
      readonly key: ObjectKey;
      readonly through: number;
    }
  /** Takes the rest, and ends. */
  | { readonly kind: 'finish'; readonly volume: VolumeConfig; readonly key: ObjectKey; readonly size: number }
  | { readonly kind: 'forget'; readonly key: ObjectKey };

/** Errors lose their classes between threads. */
export type DigestResult = ContentFacts | 'missing' | 'away';

/** Objects whose bytes are coming, and milliseconds without any. */
export const MAX_FOLLOWED = 10_000;
const FORGET_AFTER = 3_600_000;

/** The beginning of an object, as far as it has been read. */
class FollowedObject {
  private readonly hash = createHash('sha256');
  private checksum = 0;
  private count = 0;
  private reading: Promise<void> = Promise.resolve();

  /** One after the other; each goes on where the one before has ended, or failed. */
  readThrough(volume: VolumeConfig, key: ObjectKey, through: number): Promise<void> {
    this.reading = this.reading
      .catch(() => undefined)
      .then(async () => {
        if (through <= this.count) return;
        for await (const bytes of storedBytes(volume, key, this.count, through)) {
          this.hash.update(bytes);
          this.checksum = crc32(bytes, this.checksum);
          this.count += bytes.length;
        }
      });
    return this.reading;
  }

  /** Once. */
  facts(): ContentFacts {
    return { sha256: this.hash.digest('hex'), crc32: this.checksum, size: this.count };
  }
}

const followed = new LRUCache<ObjectKey, FollowedObject>({
  max: MAX_FOLLOWED,
  ttl: FORGET_AFTER,
  updateAgeOnGet: true,
});

function objectOf(key: ObjectKey): FollowedObject {
  let object = followed.get(key);
  if (object === undefined) followed.set(key, (object = new FollowedObject()));
  return object;
}

export default async function run(task: DigestTask): Promise<DigestResult | undefined> {
  const { kind, key } = task;
  if (kind === 'forget') {
    followed.delete(key);
    return undefined;
  }
  try {
    const object = objectOf(key);
    await object.readThrough(task.volume, key, kind === 'follow' ? task.through : task.size);
    if (kind === 'follow') return undefined;
    followed.delete(key);
    return object.facts();
  } catch (error) {
    followed.delete(key);
    if (error instanceof ObjectNotFound || isContentMissing(error)) return 'missing';
    if (isUnavailable(error)) return 'away';
    throw error;
  }
}
