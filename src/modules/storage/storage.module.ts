import { Module } from '@nestjs/common';
import { VolumesHealth } from '../../common/health/index.js';
import { Buckets } from './buckets.js';
import { ObjectCredentials } from './object-credentials.js';
import { Volumes } from './volumes.js';
import { VolumesHealthReader } from './volumes-health.js';
import { VolumesSetup } from './volumes-setup.js';

@Module({
  providers: [
    Buckets,
    Volumes,
    VolumesSetup,
    ObjectCredentials,
    { provide: VolumesHealth, useClass: VolumesHealthReader },
  ],
  exports: [Volumes, ObjectCredentials, VolumesHealth],
})
export class StorageModule {}
