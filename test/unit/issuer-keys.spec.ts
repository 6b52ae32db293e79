import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Problem } from '../../src/common/problems/index.js';
import { IssuerKeys, TIMES } from '../../src/modules/auth/oidc/issuer-keys.js';

Logger.overrideLogger(false);

const jwk = (kid: string) => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  ...{ kid, use: 'sig' },
});
const [A, B] = [jwk('a'), jwk('b')];
const header = (kid: string) => ({ alg: 'ES256', kid });

/** Fake: the provider, so that it can be slow or away at the right moment; and the clock. */
class Provider {
  fetches = 0;
  answer: () => unknown = () => ({ keys: [A] });
  keys = (): Promise<unknown> => {
    this.fetches += 1;
    return Promise.resolve().then(this.answer);
  };
}

function setUp(times: Partial<typeof TIMES> = {}) {
  vi.useFakeTimers({ toFake: ['Date'] });
  const provider = new Provider();
  const keys = new IssuerKeys('https://issuer.example', provider, { ...TIMES, ...times });
  return { provider, keys, later: (ms: number) => vi.setSystemTime(Date.now() + ms) };
}

const away = () => {
  throw new Error('away');
};
const never = () => new Promise(() => undefined);

async function codeOf(result: Promise<unknown>): Promise<string> {
  const error = await result.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof Problem ? error.kind.code : String(error);
}

describe('IssuerKeys', () => {
  afterEach(() => vi.useRealTimers());

  it('fetches once for many requests, and keeps what it got', async () => {
    const { provider, keys } = setUp();
    const found = await Promise.all(Array.from({ length: 50 }, () => keys.find(header('a'))));
    expect(found.every((key) => key?.type === 'public')).toBe(true);
    expect(provider.fetches).toBe(1);
  });

  it('asks for an unknown key again, but not within the cooldown', async () => {
    const { provider, keys, later } = setUp();
    expect(await keys.find(header('b'))).toBeUndefined();
    provider.answer = () => ({ keys: [B, A] });
    later(TIMES.cooldown - 1);
    expect(await keys.find(header('b'))).toBeUndefined();
    expect(provider.fetches).toBe(1);
    later(1);
    expect(await keys.find(header('b'))).toBeDefined();
    expect(await keys.find(header('a'))).toBeDefined();
    expect(provider.fetches).toBe(2);
  });

  it('a provider that is away: what is known goes on, the rest is 503; it is asked again soon, not each time', async () => {
    const { provider, keys, later } = setUp();
    await keys.find(header('a'));
    provider.answer = away;
    later(TIMES.cooldown);
    for (let round = 0; round < 20; round += 1) {
      expect(await codeOf(keys.find(header('b')))).toBe('dependency-unavailable');
      expect(await keys.find(header('a'))).toBeDefined();
    }
    expect(provider.fetches).toBe(2);
    provider.answer = () => ({ keys: [A, B] });
    later(TIMES.retryAfter);
    expect(await keys.find(header('b'))).toBeDefined();
  });

  it.each([
    ['away', away],
    ['no JWK Set', () => ({ keys: 7 })],
  ])('never seen, and %s: 503', async (_name, answer) => {
    const { provider, keys } = setUp();
    provider.answer = answer;
    expect(await codeOf(keys.find(header('a')))).toBe('dependency-unavailable');
  });

  it('a provider that is slow: a request waits a moment only, and what comes later counts', async () => {
    const { provider, keys } = setUp({ patience: 20 });
    provider.answer = () => sleep(60, { keys: [A] });
    expect(await codeOf(keys.find(header('a')))).toBe('dependency-unavailable');
    await sleep(80);
    expect(await keys.find(header('a'))).toBeDefined();
    expect(provider.fetches).toBe(1);
  });

  it('a provider that never answers does not hold up the known keys', async () => {
    const { provider, keys, later } = setUp({ patience: 20 });
    await keys.find(header('a'));
    provider.answer = never;
    later(TIMES.cooldown);
    const unknown = codeOf(keys.find(header('b')));
    expect(await keys.find(header('a'))).toBeDefined();
    expect(await unknown).toBe('dependency-unavailable');
  });

  it('keeps fresh: a key that was taken back is gone, and what rested on it is known to be old', async () => {
    const { provider, keys, later } = setUp();
    await keys.find(header('a'));
    const { generation } = keys;
    keys.refresh();
    expect(provider.fetches).toBe(1);
    later(TIMES.refreshEvery);
    keys.refresh();
    await sleep(1);
    expect([provider.fetches, keys.generation]).toEqual([2, generation]);
    provider.answer = () => ({ keys: [B] });
    later(TIMES.refreshEvery);
    keys.refresh();
    await sleep(1);
    expect(keys.generation).toBeGreaterThan(generation);
    expect(await keys.find(header('a'))).toBeUndefined();
    expect(await keys.find(header('b'))).toBeDefined();
  });

  it('keys that nobody has vouched for in a day are not used any more', async () => {
    const { provider, keys, later } = setUp();
    await keys.find(header('a'));
    const { generation } = keys;
    provider.answer = away;
    later(TIMES.longestAbsence + 1);
    keys.refresh();
    expect(keys.generation).toBeGreaterThan(generation);
    expect(await codeOf(keys.find(header('a')))).toBe('dependency-unavailable');
  });
});
