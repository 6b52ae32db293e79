import { describe, expect, it } from 'vitest';
import { MoveProgress } from '../../src/modules/file-meta/moving/move-progress.js';

const MIB = 2 ** 20;

describe('MoveProgress', () => {
  it('tells counts, bytes, rate and what is left, in units that fit', () => {
    let now = 5_000;
    const progress = new MoveProgress({ blobs: 4, bytes: 40 * 1_024 * MIB }, () => now);
    expect(progress.line()).toBe('0 of 4 blobs, 0.0 MiB of 40.0 GiB, 0.0 MiB/s');
    progress.add(100 * MIB);
    now += 10_000;
    expect(progress.line()).toBe('1 of 4 blobs, 100.0 MiB of 40.0 GiB, 10.0 MiB/s, about 69 min left');
    progress.add(36 * 1_024 * MIB);
    now += 600_000;
    expect(progress.line()).toBe('2 of 4 blobs, 36.1 GiB of 40.0 GiB, 60.6 MiB/s, about 66 s left');
    progress.add(3 * 1_024 * MIB);
    progress.add(924 * MIB);
    expect(progress.line()).toMatch(/^4 of 4 blobs, 40\.0 GiB of 40\.0 GiB, [\d.]+ MiB\/s$/);
    expect(progress.done).toEqual({ blobs: 4, bytes: 40 * 1_024 * MIB });
  });

  it('of nothing at all', () => {
    expect(new MoveProgress({ blobs: 0, bytes: 0 }, () => 0).line()).toBe(
      '0 of 0 blobs, 0.0 MiB of 0.0 MiB, 0.0 MiB/s',
    );
  });
});
