import { ALL_BUCKETS } from '../../src/common/redis/index.js';
import type { Seed } from './seed.js';
import { until } from './until.js';

/** What Redis keeps of a logical download. */
export interface DownloadRecord {
  readonly state: string;
  readonly open: number;
  readonly bytes: number;
  readonly ranges: string;
}

export async function recordOf(seed: Seed, downloadId: string): Promise<DownloadRecord> {
  const tag = ALL_BUCKETS[Number(downloadId.slice(0, 2))] ?? '';
  const { state = '', open, bytes, ranges = '' } = await seed.redis.hgetall(`download:${tag}:${downloadId}`);
  return { state, open: Number(open), bytes: Number(bytes), ranges };
}

/** The record when no transfer of it is open any more, or after five seconds. */
export function recordAtRest(seed: Seed, downloadId: string, within = 5_000): Promise<DownloadRecord> {
  return until(
    () => recordOf(seed, downloadId),
    ({ open }) => open === 0,
    within,
  );
}
