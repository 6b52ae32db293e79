import { Module } from '@nestjs/common';
import { FileMetaModule } from '../file-meta/index.js';
import { StorageModule } from '../storage/index.js';
import { DownloadsController } from './downloads.controller.js';
import { DownloadsService } from './downloads.service.js';

@Module({
  imports: [FileMetaModule, StorageModule],
  controllers: [DownloadsController],
  providers: [DownloadsService],
})
export class DownloadsModule {}
