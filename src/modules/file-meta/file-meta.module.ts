import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthModule } from '../auth/index.js';
import { StorageModule } from '../storage/index.js';
import { BulkGrantsController } from './access/bulk-grants.controller.js';
import { FileGrant } from './access/file-grant.entity.js';
import { GrantsController } from './access/grants.controller.js';
import { GrantsRepository } from './access/grants.repository.js';
import { GrantsService } from './access/grants.service.js';
import { Blob } from './blobs/blob.entity.js';
import { BlobsModule } from './blobs/blobs.module.js';
import { ContentTypePolicy } from './content-types/content-type-policy.js';
import { FileAccess } from './files/file-access.js';
import { File } from './files/file.entity.js';
import { FilesController } from './files/files.controller.js';
import { FilesRepository } from './files/files.repository.js';
import { FilesService } from './files/files.service.js';
import { FilePublisher } from './files/file-publisher.js';
import { KnownContents } from './files/known-contents.js';
import { LimitableFiles } from './files/limitable-files.js';
import { StorageQuota } from './quota/storage-quota.js';
import { SweepingModule } from './sweeping/sweeping.module.js';
import { VerifyFileController } from './verification/verify-file.controller.js';
import { VerifyFileService } from './verification/verify-file.service.js';

export const fileMetaEntities = [Blob, File, FileGrant] as const;

@Module({
  imports: [
    TypeOrmModule.forFeature([...fileMetaEntities]),
    AuthModule,
    BlobsModule,
    StorageModule,
    SweepingModule,
  ],
  controllers: [FilesController, GrantsController, BulkGrantsController, VerifyFileController],
  providers: [
    ContentTypePolicy,
    FileAccess,
    FilePublisher,
    FilesRepository,
    FilesService,
    GrantsRepository,
    GrantsService,
    KnownContents,
    LimitableFiles,
    StorageQuota,
    VerifyFileService,
  ],
  exports: [
    BlobsModule,
    ContentTypePolicy,
    FileAccess,
    FilePublisher,
    KnownContents,
    LimitableFiles,
    StorageQuota,
    SweepingModule,
  ],
})
export class FileMetaModule {}
