import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/index.js';
import { FileMetaModule } from '../file-meta/index.js';
import { StorageModule } from '../storage/index.js';
import { RedisUserBuckets } from './bandwidth/redis-user-buckets.js';
import { UserBandwidth } from './bandwidth/user-bandwidth.js';
import { StoreCredentialsController } from './credentials/store-credentials.controller.js';
import { StoreCredentialsService } from './credentials/store-credentials.service.js';
import { DownloadsController } from './downloads.controller.js';
import { DownloadsService } from './downloads.service.js';
import { TransfersModule } from './transfers/transfers.module.js';

@Module({
  imports: [AuthModule, FileMetaModule, StorageModule, TransfersModule],
  controllers: [DownloadsController, StoreCredentialsController],
  providers: [DownloadsService, StoreCredentialsService, RedisUserBuckets, UserBandwidth],
})
export class DownloadsModule {}
