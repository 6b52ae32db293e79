import { Module } from '@nestjs/common';
import { VolumesHealth } from '../../common/health/index.js';
import { Buckets } from './buckets.js';
import { BackgroundDigests } from './hashing/background-digests.js';
import { ObjectCredentials } from './object-credentials.js';
import { Volumes } from './volumes.js';
import { VolumesHealthReader } from './volumes-health.js';
import { VolumesSetup } from './volumes-setup.js';

@Module({
  providers: [
    BackgroundDigests,
    Buckets,
    Volumes,
    VolumesSetup,
    ObjectCredentials,
    { provide: VolumesHealth, useClass: VolumesHealthReader },
  ],
  exports: [BackgroundDigests, Volumes, ObjectCredentials, VolumesHealth],
})
export class StorageModule {}
