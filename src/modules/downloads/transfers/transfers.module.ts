import { Module } from '@nestjs/common';
import { RedisFollowerLease } from './redis-follower-lease.js';
import { RedisTransferReports } from './redis-transfer-reports.js';
import { TransferFollower } from './transfer-follower.js';
import { TransferReports } from './transfer-reports.js';

@Module({
  providers: [
    TransferFollower,
    RedisFollowerLease,
    { provide: TransferReports, useClass: RedisTransferReports },
  ],
})
export class TransfersModule {}
