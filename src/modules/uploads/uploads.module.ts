import { Module } from '@nestjs/common';
import { FileMetaModule } from '../file-meta/index.js';
import { StorageModule } from '../storage/index.js';
import { UploadFormService } from './form/upload-form.service.js';
import { SweepSessions } from './sessions/sweep-sessions.js';
import { UploadsController } from './uploads.controller.js';

@Module({
  imports: [FileMetaModule, StorageModule],
  controllers: [UploadsController],
  providers: [UploadFormService, SweepSessions],
})
export class UploadsModule {}
