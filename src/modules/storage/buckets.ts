import { Injectable } from '@nestjs/common';
import { StorageConfig } from '../../common/config/config.js';
import { S3Bucket } from './drivers/s3/s3-bucket.js';

/** The buckets of the configuration, by the names of their volumes. */
@Injectable()
export class Buckets {
  private readonly buckets: ReadonlyMap<string, S3Bucket>;

  constructor({ volumes }: StorageConfig) {
    this.buckets = new Map(
      volumes.flatMap((volume) => (volume.driver === 's3' ? [[volume.name, new S3Bucket(volume)]] : [])),
    );
  }

  get(volume: string): S3Bucket | undefined {
    return this.buckets.get(volume);
  }

  all(): S3Bucket[] {
    return [...this.buckets.values()];
  }
}
