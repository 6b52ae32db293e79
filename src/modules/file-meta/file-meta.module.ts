import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { StorageModule } from '../storage/index.js';
import { FileGrant } from './access/file-grant.entity.js';
import { Blob } from './blobs/blob.entity.js';
import { PendingObjects } from './blobs/pending-objects.js';
import { PendingSweeper } from './blobs/pending-sweeper.js';
import { FileAccess } from './files/file-access.js';
import { File } from './files/file.entity.js';
import { FilesController } from './files/files.controller.js';
import { FilesRepository } from './files/files.repository.js';
import { FilesService } from './files/files.service.js';
import { FilePublisher } from './files/file-publisher.js';

export const fileMetaEntities = [Blob, File, FileGrant] as const;

@Module({
  imports: [TypeOrmModule.forFeature([...fileMetaEntities]), StorageModule],
  controllers: [FilesController],
  providers: [FileAccess, FilePublisher, FilesRepository, FilesService, PendingObjects, PendingSweeper],
  exports: [FileAccess, FilePublisher, PendingObjects],
})
export class FileMetaModule {}
