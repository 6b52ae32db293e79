import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';
import { unavailable } from '../problems/index.js';
import { type LuaScript, loadLuaScript } from '../redis/lua-script.js';
import { RedisIdentity } from '../redis/redis-identity.js';
import { CHANGING, type Subject, type Version, Versions } from './versions.js';

/**
 * Seconds. A version that has expired is made anew, which only costs a load, and what rests on it is kept for half a minute
 * anyway. Not longer, since whoever asks for ids that are nobody's makes a key with each.
 */
const VERSION_TTL = 120;

/** Seconds; longer than any transaction can last, with its statement and idle timeouts. */
const CHANGING_TTL = 60;

interface Batch {
  readonly subjects: Map<Subject, number>;
  readonly answer: Promise<Version[]>;
}

/** Keys `version:{<subject>}`: strings. */
@Injectable()
export class RedisVersions extends Versions {
  private readonly settle: LuaScript;
  private batch: Batch | undefined;

  constructor(
    @Inject(Redis) private readonly redis: Redis,
    private readonly identity: RedisIdentity,
  ) {
    super();
    this.settle = loadLuaScript(redis, new URL('./settle-version-1.lua', import.meta.url));
  }

  /** What is asked in one turn of the event loop goes out as one command (RULES 2.5). */
  override async read(subjects: readonly Subject[]): Promise<Version[]> {
    const batch = (this.batch ??= this.openBatch());
    const places = subjects.map((subject) => {
      const place = batch.subjects.get(subject) ?? batch.subjects.size;
      batch.subjects.set(subject, place);
      return place;
    });
    const versions = await batch.answer;
    return places.map((place) => versions[place] ?? '');
  }

  override async announce(subjects: readonly Subject[]): Promise<() => Promise<void>> {
    const nonce = CHANGING + newVersion();
    await Promise.all(
      subjects.map((subject) => this.redis.set(versionKey(subject), nonce, 'EX', CHANGING_TTL)),
    );
    return async () => {
      const next = newVersion();
      await Promise.all(
        subjects.map((subject) => this.settle([versionKey(subject)], [nonce, next, VERSION_TTL, CHANGING])),
      );
    };
  }

  override onForgotten(listener: () => void): void {
    this.identity.onReplaced(listener);
  }

  private openBatch(): Batch {
    const subjects = new Map<Subject, number>();
    const answer = new Promise<Version[]>((resolve, reject) => {
      setImmediate(() => {
        this.batch = undefined;
        this.fetch([...subjects.keys()]).then(resolve, reject);
      });
    });
    return { subjects, answer };
  }

  private async fetch(subjects: readonly Subject[]): Promise<Version[]> {
    if (subjects.length === 0) return [];
    await this.identity.ensureKnown();
    const keys = subjects.map(versionKey);
    const [versions, [role]] = await Promise.all([
      this.redis.mget(keys),
      this.redis.role() as Promise<[role: string]>,
    ]);
    if (role !== 'master') {
      // Demoted on a living connection: it may not have heard of the newest changes, and a new connection may lead to who has.
      this.redis.disconnect(true);
      throw unavailable('Redis', new Error('it is a replica'));
    }
    return Promise.all(versions.map(async (version, place) => version ?? this.create(keys[place] ?? '')));
  }

  private async create(key: string): Promise<Version> {
    const version = newVersion();
    const set = await this.redis.set(key, version, 'EX', VERSION_TTL, 'NX');
    // Another was faster; should that one be gone again already, ours matches nothing and is not found again.
    return set === 'OK' ? version : ((await this.redis.get(key)) ?? version);
  }
}

/** Where the version of a subject is kept: who acts on versions compares them in the same trip. */
export function versionKey(subject: Subject): string {
  return `version:{${subject}}`;
}

function newVersion(): Version {
  return randomBytes(12).toString('base64url');
}
