import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Lines } from '../../src/modules/file-meta/quota/lines.js';

describe('Lines', () => {
  const late = () => new Error('too late');
  const never = () => expect.fail('must not run');

  it('does so much at once of a kind, in order; other kinds do not wait for it', async () => {
    const lines = new Lines(3, 10_000);
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    const work = (at: number) => async () => {
      begun.push(at);
      most = Math.max(most, (running += 1));
      await sleep(5);
      running -= 1;
      return at;
    };
    const all = Array.from({ length: 20 }, (_, at) => lines.take('a', work(at), late));
    expect(await lines.take('b', () => Promise.resolve('b'), late)).toBe('b');
    expect(begun).toEqual([0, 1, 2]);
    expect(await Promise.all(all)).toEqual([...Array(20).keys()]);
    expect(begun).toEqual([...Array(20).keys()]);
    expect(most).toBe(3);
  });

  it('work that fails makes room like any other', async () => {
    const lines = new Lines(1, 10_000);
    const failing = Array.from({ length: 5 }, () =>
      lines.take('a', () => Promise.reject(new Error('failed')), late),
    );
    expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(
      Array(5).fill('rejected'),
    );
    expect(await lines.take('a', () => Promise.resolve(1), late)).toBe(1);
  });

  it('work whose turn does not come does not run, and takes no place', async () => {
    const lines = new Lines(1, 30);
    const gate = Promise.withResolvers<string>();
    const first = lines.take('a', () => gate.promise, late);
    const others = await Promise.allSettled([lines.take('a', never, late), lines.take('a', never, late)]);
    expect(others.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    gate.resolve('done');
    expect(await first).toBe('done');
    expect(await lines.take('a', () => Promise.resolve(2), late)).toBe(2);
  });
});
