import { Module } from '@nestjs/common';
import { DeliveryInterceptor } from './delivery/delivery.interceptor.js';
import { Volumes } from './volumes.js';

@Module({
  providers: [Volumes, DeliveryInterceptor],
  exports: [Volumes, DeliveryInterceptor],
})
export class StorageModule {}
