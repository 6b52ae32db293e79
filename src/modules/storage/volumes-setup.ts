import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { StorageConfig } from '../../common/config/config.js';
import { ensureBucket } from './drivers/s3/s3-bucket.js';

/** Brings the buckets of the configuration into the state that we need, when a replica starts. */
@Injectable()
export class VolumesSetup implements OnApplicationBootstrap {
  private readonly logger = new Logger('Storage');

  constructor(private readonly config: StorageConfig) {}

  async onApplicationBootstrap(): Promise<void> {
    for (const volume of this.config.volumes) {
      if (volume.driver !== 's3') continue;
      await ensureBucket(volume).catch((error: unknown) => {
        this.logger.error(`volume ${volume.name}: ${String(error)}`);
      });
    }
  }
}
