import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Turns } from '../../src/modules/auth/accounts/turns.js';

describe('turns', () => {
  afterEach(() => vi.useRealTimers());

  it('work of one user comes one by one and in order, that of others meanwhile', async () => {
    const turns = new Turns();
    const said: string[] = [];
    const work = (name: string, milliseconds: number) => async () => {
      said.push(`${name} begins`);
      await sleep(milliseconds);
      said.push(`${name} ends`);
      return name;
    };
    const results = await Promise.all([
      turns.take('1', work('a', 30)),
      turns.take('1', work('b', 1)),
      turns.take('2', work('c', 1)),
    ]);
    expect(results).toEqual(['a', 'b', 'c']);
    expect(said).toEqual(['a begins', 'c begins', 'c ends', 'a ends', 'b begins', 'b ends']);
  });

  it('what fails holds nobody up, and fails only for who asked', async () => {
    const turns = new Turns();
    const failing = turns.take('1', () => Promise.reject(new Error('no')));
    const next = turns.take('1', () => Promise.resolve('yes'));
    await expect(failing).rejects.toThrow('no');
    await expect(next).resolves.toBe('yes');
    await expect(turns.take('1', () => Promise.resolve('again'))).resolves.toBe('again');
  });

  it('who waits too long is refused and never runs; those behind still wait for the one that runs', async () => {
    vi.useFakeTimers();
    const turns = new Turns();
    const said: string[] = [];
    const slow = Promise.withResolvers<undefined>();
    const first = turns.take('1', () => slow.promise);
    const tired = turns.take('1', () => Promise.resolve(said.push('tired')));
    const refused = expect(tired).rejects.toMatchObject({ kind: { code: 'too-many-requests' } });
    await vi.advanceTimersByTimeAsync(9_000);
    const last = turns.take('1', () => Promise.resolve(said.push('last')));
    await vi.advanceTimersByTimeAsync(2_000);
    await refused;
    expect(said).toEqual([]);
    slow.resolve(undefined);
    await Promise.all([first, last]);
    expect(said).toEqual(['last']);
  });
});
