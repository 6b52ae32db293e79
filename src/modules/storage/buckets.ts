import { Inject, Injectable } from '@nestjs/common';
import { HttpConfig, type S3Volume, StorageConfig } from '../../common/config/config.js';
import { S3Bucket } from './drivers/s3/s3-bucket.js';

/** The buckets of the configuration, by the names of their volumes. */
@Injectable()
export class Buckets {
  private readonly buckets: ReadonlyMap<string, S3Bucket>;

  constructor(
    { volumes }: StorageConfig,
    @Inject(HttpConfig) { corsOrigins }: Pick<HttpConfig, 'corsOrigins'>,
  ) {
    this.buckets = new Map(
      volumes.flatMap((volume) =>
        volume.driver === 's3' ? [[volume.name, new S3Bucket(volume, corsOrigins)]] : [],
      ),
    );
  }

  get(volume: string): S3Bucket | undefined {
    return this.buckets.get(volume);
  }

  /** @throws Error for a volume of another configuration */
  of({ name }: S3Volume): S3Bucket {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) throw new Error(`the volume "${name}" has no bucket`);
    return bucket;
  }

  all(): S3Bucket[] {
    return [...this.buckets.values()];
  }
}
