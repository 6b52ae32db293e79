import { describe, expect, it } from 'vitest';
import { type Subject, VersionedCache, type Version, Versions } from '../../src/common/revocation/index.js';

/** Versions that the test sets, and a Redis that the test replaces. */
class KnownVersions extends Versions {
  private readonly listeners: (() => void)[] = [];
  readonly versions = new Map<Subject, Version>();

  override read(subjects: readonly Subject[]): Promise<Version[]> {
    return Promise.resolve(subjects.map((subject) => this.versions.get(subject) ?? 'first'));
  }

  override announce(): Promise<() => Promise<void>> {
    return Promise.resolve(() => Promise.resolve());
  }

  override onForgotten(listener: () => void): void {
    this.listeners.push(listener);
  }

  replaced(): void {
    for (const listener of this.listeners) listener();
  }
}

describe('VersionedCache', () => {
  const user: Subject = 'user:7';

  it('what was being loaded while Redis was replaced is loaded again: that version may be of a copy', async () => {
    const versions = new KnownVersions();
    const cache = new VersionedCache<string>(versions);
    const slow = Promise.withResolvers<string>();
    let loads = 0;
    const load = async () => {
      loads += 1;
      return { value: loads === 1 ? await slow.promise : 'refused', subjects: [user] };
    };
    const first = cache.get('key', [user], load);
    // The versions are read, the load is under way; now comes a Redis that has the same version of before a revocation.
    await new Promise((resolve) => setImmediate(resolve));
    versions.replaced();
    slow.resolve('allowed');
    expect(await first).toBe('refused');
    expect(cache.recall('key')?.value).toBe('refused');
  });

  it('keeps what was loaded under the versions of now, and only as long as they are', async () => {
    const versions = new KnownVersions();
    const cache = new VersionedCache<number>(versions);
    let loads = 0;
    const get = () => cache.get('key', [], () => Promise.resolve({ value: ++loads, subjects: [user] }));
    // Once to learn of whom it rests, once under their versions.
    expect([await get(), await get(), await get()]).toEqual([2, 2, 2]);
    versions.versions.set(user, 'changing:1');
    expect([await get(), await get()]).toEqual([3, 4]);
    versions.versions.set(user, 'second');
    expect([await get(), await get()]).toEqual([5, 5]);
  });
});
