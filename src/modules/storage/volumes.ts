import { Injectable } from '@nestjs/common';
import {
  type FsVolume,
  type S3Volume,
  StorageConfig,
  type VolumeConfig,
} from '../../common/config/config.js';
import type { AppendStore } from './append-store.js';
import { Buckets } from './buckets.js';
import { LocalAppendStore } from './drivers/local-append-store.js';
import type { DirectParts } from './direct-parts.js';
import { LocalLeftovers } from './drivers/local-leftovers.js';
import { LocalObjectStore } from './drivers/local-object-store.js';
import { LocalPartStore } from './drivers/local-part-store.js';
import { LocalVolume } from './drivers/local-volume.js';
import { PresignedUrls } from './drivers/s3/presigned-url.js';
import { S3DirectParts } from './drivers/s3/s3-direct-parts.js';
import { S3Leftovers } from './drivers/s3/s3-leftovers.js';
import { S3ObjectStore } from './drivers/s3/s3-object-store.js';
import type { Leftovers } from './leftovers.js';
import { S3PartStore } from './drivers/s3/s3-part-store.js';
import { S3TailStore } from './drivers/s3/s3-tail-store.js';
import type { ObjectStore } from './object-store.js';
import type { PartStore } from './part-store.js';
import type { TailStore } from './tail-store.js';

/** A named place for blobs. */
export type Volume = FileVolume | BucketVolume;

/** Blobs as files, which nginx may send itself. */
export interface FileVolume {
  readonly driver: 'fs';
  readonly name: string;
  readonly store: ObjectStore;
  readonly leftovers: Leftovers;
  readonly parts: PartStore;
  readonly appends: AppendStore;
  readonly delivery: FsVolume['delivery'];
}

/** Blobs in a bucket. */
export interface BucketVolume {
  readonly driver: 's3';
  readonly name: string;
  readonly store: ObjectStore;
  readonly leftovers: Leftovers;
  readonly parts: PartStore;
  /** Of parts that are not whole yet. */
  readonly tails: TailStore;
  /** Parts that clients send to the store themselves. */
  readonly direct: DirectParts;
  readonly delivery: S3Volume['delivery'];
  /** For clients, at the store's public origin. */
  readonly publicUrls: PresignedUrls;
  /** For nginx in front of us, which asks the store where we do. */
  readonly proxyUrls: PresignedUrls;
}

/** Seconds between the decision and nginx's request: a transfer that has begun goes on, however long. */
const PROXY_URL_TTL = 60;

/** The volumes of the configuration. Storage grows by adding one; blobs stay readable where they are. */
@Injectable()
export class Volumes {
  private readonly volumes: ReadonlyMap<string, Volume>;
  /** Takes new blobs. */
  readonly default: Volume;

  constructor(config: StorageConfig, buckets: Buckets) {
    this.volumes = new Map(config.volumes.map((volume) => [volume.name, open(volume, buckets)]));
    this.default = this.get(config.defaultVolume);
  }

  get names(): readonly string[] {
    return [...this.volumes.keys()];
  }

  /** By a name that a caller gave. */
  find(name: string): Volume | undefined {
    return this.volumes.get(name);
  }

  /** @throws Error when a blob names a volume that the configuration no longer has: an operator's mistake */
  get(name: string): Volume {
    const volume = this.volumes.get(name);
    if (volume === undefined) throw new Error(`the volume "${name}" is not configured`);
    return volume;
  }
}

function open(volume: VolumeConfig, buckets: Buckets): Volume {
  const { name } = volume;
  if (volume.driver === 'fs') {
    const folder = new LocalVolume(volume.root);
    return {
      driver: 'fs',
      name,
      delivery: volume.delivery,
      leftovers: new LocalLeftovers(volume.root),
      store: new LocalObjectStore(folder),
      parts: new LocalPartStore(folder),
      appends: new LocalAppendStore(folder),
    };
  }
  const bucket = buckets.of(volume);
  const conditionalWrites = () => bucket.report?.abilities.conditionalWrites;
  return {
    driver: 's3',
    name,
    delivery: volume.delivery,
    leftovers: new S3Leftovers(volume),
    store: new S3ObjectStore(volume, conditionalWrites),
    parts: new S3PartStore(volume, conditionalWrites),
    tails: new S3TailStore(volume),
    direct: new S3DirectParts(bucket),
    publicUrls: new PresignedUrls(volume, { origin: volume.publicEndpoint, ttl: volume.urlTtl }),
    proxyUrls: new PresignedUrls(volume, { origin: volume.endpoint, ttl: PROXY_URL_TTL }),
  };
}
