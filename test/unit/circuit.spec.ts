import { beforeEach, describe, expect, it } from 'vitest';
import { Circuit } from '../../src/modules/storage/drivers/s3/circuit.js';
import { StoreAway, StoreError } from '../../src/modules/storage/drivers/s3/store-problems.js';

describe('Circuit', () => {
  let now: number;
  let circuit: Circuit;
  beforeEach(() => {
    now = 1_000_000;
    circuit = new Circuit(() => now);
  });

  const fail = (error: Error) => circuit.run(() => Promise.reject(error)).catch((caught: unknown) => caught);
  const away = () => fail(new StoreAway('gone'));
  const answer = () => circuit.run(() => Promise.resolve('yes'));
  /** Whether a request is sent at all. */
  const sends = async (): Promise<boolean> => {
    let sent = false;
    await circuit
      .run(() => {
        sent = true;
        return Promise.reject(new DOMException('aborted', 'AbortError'));
      })
      .catch(() => undefined);
    return sent;
  };
  const open = async () => {
    for (let failures = 0; failures < 5; failures += 1) {
      now += 250;
      await away();
    }
  };

  it('opens after five failures and a second without an answer; not before', async () => {
    for (let failures = 0; failures < 4; failures += 1) {
      now += 300;
      await away();
      expect(await sends()).toBe(true);
    }
    now += 300;
    await away();
    expect(await sends()).toBe(false);
    await expect(answer()).rejects.toMatchObject({ name: 'StoreAway', acted: false });
  });

  it('stays closed when many fail at once: a node that dies cuts them all, while the others serve', async () => {
    await Promise.all(Array.from({ length: 50 }, away));
    expect(await sends()).toBe(true);
    await expect(answer()).resolves.toBe('yes');
  });

  it('opens at once when many have waited in vain', async () => {
    const waiting = Array.from({ length: 5 }, () =>
      circuit
        .run(async () => {
          await Promise.resolve();
          throw new StoreAway('no byte');
        })
        .catch(() => undefined),
    );
    now += 5_000;
    await Promise.all(waiting);
    expect(await sends()).toBe(false);
  });

  it('does not count what was sent before the last answer', async () => {
    let giveUp: (error: Error) => void = () => undefined;
    const old = Array.from({ length: 5 }, () =>
      circuit
        .run(() => new Promise<never>((_, reject) => (giveUp = chain(giveUp, reject))))
        .catch(() => undefined),
    );
    now += 3_000;
    await answer();
    now += 3_000;
    giveUp(new StoreAway('late'));
    await Promise.all(old);
    expect(await sends()).toBe(true);
  });

  it.each([
    ['an answer', () => answer()],
    ['a refusal, which is an answer', () => fail(new StoreError('NoSuchKey', 'no'))],
  ])('closes by %s', async (_, last) => {
    await open();
    now += 2_001;
    await last();
    await Promise.all(Array.from({ length: 4 }, away));
    expect(await sends()).toBe(true);
  });

  it('lets one try after two seconds, and waits again when that fails', async () => {
    await open();
    now += 1_999;
    expect(await sends()).toBe(false);
    now += 2;
    let tried = 0;
    const trials = Array.from({ length: 10 }, () =>
      circuit
        .run(async () => {
          tried += 1;
          await Promise.resolve();
          throw new StoreAway('still');
        })
        .catch(() => undefined),
    );
    await Promise.all(trials);
    expect(tried).toBe(1);
    expect(await sends()).toBe(false);
    now += 2_001;
    expect(await sends()).toBe(true);
  });

  it('learns nothing from a request that was given up: the next one tries', async () => {
    await open();
    now += 2_001;
    expect(await sends()).toBe(true);
    expect(await sends()).toBe(true);
    await away();
    expect(await sends()).toBe(false);
  });
});

function chain(first: (error: Error) => void, then: (error: Error) => void): (error: Error) => void {
  return (error) => {
    first(error);
    then(error);
  };
}
