import { Injectable } from '@nestjs/common';
import { StorageConfig } from '../../common/config/config.js';
import { LocalObjectStore } from './drivers/local-object-store.js';
import type { ObjectStore } from './object-store.js';

/** A named place for blobs. */
export interface Volume {
  readonly name: string;
  readonly store: ObjectStore;
  readonly delivery: 'accel' | 'stream';
}

/** The volumes of the configuration. Storage grows by adding one; blobs stay readable where they are. */
@Injectable()
export class Volumes {
  private readonly volumes: ReadonlyMap<string, Volume>;
  /** Takes new blobs. */
  readonly default: Volume;

  constructor(config: StorageConfig) {
    this.volumes = new Map(
      config.volumes.map((volume) => [volume.name, open(volume)]),
    );
    this.default = this.get(config.defaultVolume);
  }

  /** @throws Error when a blob names a volume that the configuration no longer has: an operator's mistake */
  get(name: string): Volume {
    const volume = this.volumes.get(name);
    if (volume === undefined) throw new Error(`the volume "${name}" is not configured`);
    return volume;
  }
}

function open(volume: VolumeConfig): Volume {
  const { name, delivery } = volume;
  return volume.driver === 'fs'
    ? { name, delivery: volume.delivery, store: new LocalObjectStore(volume.root) }
    : { name, delivery, store: new S3ObjectStore(volume), urls: new PresignedUrls(volume) };
}
