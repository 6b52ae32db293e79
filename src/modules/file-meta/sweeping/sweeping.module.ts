import { Module } from '@nestjs/common';
import { AuthModule } from '../../auth/index.js';
import { StorageModule } from '../../storage/index.js';
import { BlobsModule } from '../blobs/blobs.module.js';
import { ExpiredFiles } from './expired-files.js';
import { LeftoverWrites } from './leftover-writes.js';
import { SweepSchedule } from './sweep-schedule.js';
import { SweepSteps } from './sweep-steps.js';
import { SweepTotals } from './sweep-totals.js';
import { SweepController } from './sweep.controller.js';
import { SweepService } from './sweep.service.js';
import { Sweeper } from './sweeper.js';
import { UnreferencedBlobs } from './unreferenced-blobs.js';

@Module({
  imports: [AuthModule, BlobsModule, StorageModule],
  controllers: [SweepController],
  providers: [
    ExpiredFiles,
    LeftoverWrites,
    SweepSchedule,
    SweepService,
    SweepSteps,
    SweepTotals,
    Sweeper,
    UnreferencedBlobs,
  ],
  exports: [SweepSteps, SweepTotals],
})
export class SweepingModule {}
