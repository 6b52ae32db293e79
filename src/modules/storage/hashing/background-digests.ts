import { extname } from 'node:path';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Piscina } from 'piscina';
import { StorageConfig, type VolumeConfig } from '../../../common/config/config.js';
import { unavailable } from '../../../common/problems/index.js';
import type { ContentFacts } from '../content-digest.js';
import type { ObjectKey } from '../object-key.js';
import { contentMissing } from '../storage.problems.js';
import { type DigestResult, type DigestTask, MAX_FOLLOWED } from './digest-worker.js';

/** Objects that are read at the same time, in turns. */
const SIDE_BY_SIDE = 64;
/** Milliseconds: what the thread has taken of unfinished objects ends with it. */
const IDLE = 3_600_000;

/**
 * Takes hash and checksum of stored objects in a thread of its own: five gigabytes take seconds, in which nobody else is to wait. It may
 * follow one whose bytes are still coming, so that little is left to do when they are all there.
 */
@Injectable()
export class BackgroundDigests implements OnApplicationShutdown {
  private readonly volumes: ReadonlyMap<string, VolumeConfig>;
  private readonly thread = new Piscina({
    filename: new URL(`./digest-worker${extname(import.meta.url)}`, import.meta.url).href,
    minThreads: 0,
    maxThreads: 1,
    concurrentTasksPerWorker: SIDE_BY_SIDE,
    idleTimeout: IDLE,
  });

  private readonly followed = new LRUCache<ObjectKey, number>({ max: MAX_FOLLOWED });

  constructor({ volumes }: StorageConfig) {
    this.volumes = new Map(volumes.map((volume) => [volume.name, volume]));
  }

  /** How far an object is followed here, bytes; undefined: it is not. */
  followedThrough(key: ObjectKey): number | undefined {
    return this.followed.get(key);
  }

  /** The first `through` bytes of the object are in their place for good: they may be read now. */
  follow(volume: string, key: ObjectKey, through: number): void {
    this.followed.set(key, through);
    // What fails now is read when all is there, and told then.
    this.run({ kind: 'follow', volume: this.configOf(volume), key, through }).catch(() => undefined);
  }

  /**
   * @param size in bytes, of the whole
   * @throws Problem `content-missing` (502) when there are not so many, `dependency-unavailable` (503)
   */
  async finish(volume: string, key: ObjectKey, size: number): Promise<ContentFacts> {
    this.followed.delete(key);
    const result = await this.run({ kind: 'finish', volume: this.configOf(volume), key, size });
    if (result === 'missing') throw contentMissing(new Error(`${volume}/${key} has less than ${size} bytes`));
    if (result === undefined || result === 'away') throw unavailable(`the volume ${volume}`, result);
    return result;
  }

  /** The object will not be. */
  forget(key: ObjectKey): void {
    if (!this.followed.delete(key)) return;
    this.run({ kind: 'forget', key }).catch(() => undefined);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.thread.destroy();
  }

  private async run(task: DigestTask): Promise<DigestResult | undefined> {
    return (await this.thread.run(task)) as DigestResult | undefined;
  }

  private configOf(volume: string): VolumeConfig {
    const config = this.volumes.get(volume);
    if (config === undefined) throw new Error(`the volume "${volume}" is not configured`);
    return config;
  }
}
