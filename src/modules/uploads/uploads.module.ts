import { Module } from '@nestjs/common';
import { FileMetaModule } from '../file-meta/index.js';
import { StorageModule } from '../storage/index.js';
import { UploadFormService } from './form/upload-form.service.js';
import { TypeDetection } from './limits/type-detection.js';
import { UploadsController } from './uploads.controller.js';

@Module({
  imports: [FileMetaModule, StorageModule],
  controllers: [UploadsController],
  providers: [TypeDetection, UploadFormService],
})
export class UploadsModule {}
