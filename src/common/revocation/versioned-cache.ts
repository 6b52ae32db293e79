import { LRUCache } from 'lru-cache';
import { isChanging, type Subject, type Version, type Versions } from './versions.js';

/** What was loaded, and whose rights it rests on. */
export interface Loaded<T> {
  readonly value: T;
  readonly subjects: readonly Subject[];
}

/** What was loaded, and the versions under which it was: it holds while they are those of its subjects. */
export interface Resting<T> extends Loaded<T> {
  readonly versions: readonly Version[];
}

interface Loading<T> {
  readonly versions: readonly Version[];
  readonly loaded: Promise<Loaded<T> | undefined>;
}

const MAX_ENTRIES = 10_000;
/** Milliseconds (RULES 3.2). */
const MAX_AGE = 30_000;

/**
 * Keeps what decisions rest on in this process, and uses it only when the versions of all its subjects, read again for each
 * request, are those it was loaded under: what was revoked is refused by the next request, whichever replica answers.
 */
export class VersionedCache<T> {
  private readonly entries = new LRUCache<string, Resting<T>>({ max: MAX_ENTRIES, ttl: MAX_AGE });
  private readonly loading = new Map<string, Loading<T>>();
  /** How often everything was forgotten: versions that were read before vouch for nothing after. */
  private drops = 0;

  constructor(private readonly versions: Versions) {
    versions.onForgotten(() => {
      this.drops += 1;
      this.entries.clear();
      this.loading.clear();
    });
  }

  /** What is kept, whether it still holds or not: for who compares its versions in the same trip in which it acts (RULES 2.1). */
  recall(key: string): Resting<T> | undefined {
    return this.entries.get(key);
  }

  /**
   * @param known subjects that are known before anything is loaded; further ones come with what `load` gives
   * @param load from the primary database; undefined, which is never kept, when there is nothing
   */
  async get(
    key: string,
    known: readonly Subject[],
    load: () => Promise<Loaded<T> | undefined>,
  ): Promise<T | undefined> {
    return (await this.find(key, known, load))?.value;
  }

  /** As `get`, with the versions. */
  async find(
    key: string,
    known: readonly Subject[],
    load: () => Promise<Loaded<T> | undefined>,
  ): Promise<Resting<T> | undefined> {
    const kept = this.entries.get(key);
    let drops = this.drops;
    let subjects = kept?.subjects ?? known;
    let versions = await this.versions.read(subjects);
    if (kept !== undefined && drops === this.drops && sameVersions(kept.versions, versions)) return kept;
    for (;;) {
      const loaded = await this.loadOnce(key, versions, load);
      if (loaded === undefined) return undefined;
      const seen = subjects;
      const unseen = loaded.subjects.filter((subject) => !seen.includes(subject));
      if (unseen.length === 0 && drops === this.drops) {
        const found = { value: loaded.value, subjects, versions };
        if (!versions.some(isChanging)) this.entries.set(key, found);
        return found;
      }
      // A version counts only when it was read before what it vouches for.
      subjects = [...subjects, ...unseen];
      drops = this.drops;
      versions = await this.versions.read(subjects);
    }
  }

  /** Requests that have read the same versions share one load. */
  private async loadOnce(
    key: string,
    versions: readonly Version[],
    load: () => Promise<Loaded<T> | undefined>,
  ): Promise<Loaded<T> | undefined> {
    const running = this.loading.get(key);
    if (running !== undefined && !versions.some(isChanging) && sameVersions(running.versions, versions)) {
      return running.loaded;
    }
    const mine = { versions, loaded: load() };
    this.loading.set(key, mine);
    try {
      return await mine.loaded;
    } finally {
      if (this.loading.get(key) === mine) this.loading.delete(key);
    }
  }
}

function sameVersions(some: readonly Version[], others: readonly Version[]): boolean {
  return some.length === others.length && some.every((version, place) => version === others[place]);
}
