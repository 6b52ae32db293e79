import { Module } from '@nestjs/common';
import { AdmissionModule } from '../admission/admission.module.js';
import { OpenTransfers } from './open-transfers.js';
import { OwnTransfers } from './own-transfers.js';
import { PlannedTransfers } from './planned-transfers.js';
import { ProcessInstance } from './process-instance.js';
import { RedisFollowerLease } from './redis-follower-lease.js';
import { RedisTransferReports } from './redis-transfer-reports.js';
import { RedisTransferSweeper } from './redis-transfer-sweeper.js';
import { TransferFollower } from './transfer-follower.js';
import { TransferReports } from './transfer-reports.js';

@Module({
  imports: [AdmissionModule],
  providers: [
    OpenTransfers,
    OwnTransfers,
    PlannedTransfers,
    ProcessInstance,
    RedisFollowerLease,
    RedisTransferSweeper,
    TransferFollower,
    { provide: TransferReports, useClass: RedisTransferReports },
  ],
  exports: [OpenTransfers, OwnTransfers, PlannedTransfers],
})
export class TransfersModule {}
