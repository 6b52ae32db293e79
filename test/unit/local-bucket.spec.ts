import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LocalBucket } from '../../src/modules/storage/shaping/local-bucket.js';
import { BURST, SEND_WITHIN } from '../../src/modules/storage/shaping/token-bucket.js';

describe('LocalBucket', () => {
  it('grants over no window more than rate × time + its burst', async () => {
    const rate = 10_000_000;
    const bucket = new LocalBucket();
    const turns: { at: number; bytes: number }[] = [];
    for (let round = 0; round < 60; round += 1) {
      const bytes = 1 + Math.floor(Math.random() * 1_000_000);
      turns.push({ at: (await bucket.take(bytes, rate)).notBefore, bytes });
      if (round % 7 === 0) await sleep(Math.random() * 40);
    }
    turns.forEach((first, from) => {
      let sum = 0;
      for (const { at, bytes } of turns.slice(from)) {
        sum += bytes;
        expect(at).toBeGreaterThanOrEqual(first.at);
        expect(sum).toBeLessThanOrEqual((rate * (at - first.at + BURST)) / 1_000 + 1);
      }
    });
  });

  it('with what may be late, its burst is one second at most', () => {
    expect(BURST + SEND_WITHIN).toBe(1_000);
  });

  it('a grant lapses', async () => {
    const { notBefore, notAfter } = await new LocalBucket().take(1, 1_024);
    expect(notAfter - notBefore).toBeCloseTo(SEND_WITHIN, 6);
  });
});
