import { Module } from '@nestjs/common';
import { DeliveryInterceptor } from './delivery/delivery.interceptor.js';
import { Volumes } from './volumes.js';
import { VolumesSetup } from './volumes-setup.js';

@Module({
  providers: [Volumes, VolumesSetup, DeliveryInterceptor],
  exports: [Volumes, DeliveryInterceptor],
})
export class StorageModule {}
