import { Module } from '@nestjs/common';
import { StorageModule } from '../../storage/index.js';
import { BlobTrash } from './blob-trash.js';
import { BlobWriter } from './blob-writer.js';
import { ObjectRemoval } from './object-removal.js';
import { PendingObjects } from './pending-objects.js';

/** The objects of blobs: as they come, and as they go. */
@Module({
  imports: [StorageModule],
  providers: [BlobTrash, BlobWriter, ObjectRemoval, PendingObjects],
  exports: [BlobTrash, BlobWriter, PendingObjects],
})
export class BlobsModule {}
