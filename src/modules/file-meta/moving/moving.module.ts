import { Module } from '@nestjs/common';
import { StorageModule } from '../../storage/index.js';
import { BlobsModule } from '../blobs/blobs.module.js';
import { BlobMover } from './blob-mover.js';
import { MoveBlobs } from './move-blobs.js';
import { PlacedBlobs } from './placed-blobs.js';

/** For the command that moves blobs; the service itself does without. */
@Module({
  imports: [BlobsModule, StorageModule],
  providers: [BlobMover, MoveBlobs, PlacedBlobs],
})
export class MovingModule {}
