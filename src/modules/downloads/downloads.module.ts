import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/index.js';
import { FileMetaModule } from '../file-meta/index.js';
import { StorageModule } from '../storage/index.js';
import { TokensModule } from '../tokens/index.js';
import { AdmissionModule } from './admission/admission.module.js';
import { RedisBuckets } from './bandwidth/redis-buckets.js';
import { UserBandwidth } from './bandwidth/user-bandwidth.js';
import { Callers } from './callers/callers.js';
import { StoreCredentialsController } from './credentials/store-credentials.controller.js';
import { StoreCredentialsService } from './credentials/store-credentials.service.js';
import { DownloadsController } from './downloads.controller.js';
import { DownloadsService } from './downloads.service.js';
import { EndDownloadController } from './endings/end-download.controller.js';
import { EndDownload } from './endings/end-download.js';
import { RedisDownloadEndings } from './endings/redis-download-endings.js';
import { StoredContents } from './stored-contents.js';
import { TransfersModule } from './transfers/transfers.module.js';

@Module({
  imports: [AdmissionModule, AuthModule, FileMetaModule, StorageModule, TokensModule, TransfersModule],
  controllers: [DownloadsController, EndDownloadController, StoreCredentialsController],
  providers: [
    Callers,
    DownloadsService,
    EndDownload,
    RedisBuckets,
    RedisDownloadEndings,
    StoreCredentialsService,
    StoredContents,
    UserBandwidth,
  ],
})
export class DownloadsModule {}
