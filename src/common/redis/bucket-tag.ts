import { crc32 } from 'node:zlib';

/** In a Redis Cluster the keys of one script share one hash slot; so many kinds of subjects spread over its nodes. */
export const BUCKETS = 16;

/**
 * The hash tag of everything that is kept for a subject, such as `{b07}`: keys that have it may stand in one script (RULES 2.3).
 * @param subject `user:42`, `token:…` or `ip:…`
 */
export function bucketTag(subject: string): string {
  return tagOf(crc32(subject) % BUCKETS);
}

/** All of them, for sweeps. */
export const ALL_BUCKETS: readonly string[] = Array.from({ length: BUCKETS }, (_, bucket) => tagOf(bucket));

function tagOf(bucket: number): string {
  return `{b${String(bucket).padStart(2, '0')}}`;
}
