import { ApiProperty } from '@nestjs/swagger';

export class EndedDownloadDto {
  /** Transfers that were cut: those that the application was sending, on all replicas. */
  @ApiProperty({ type: 'integer', example: 1 })
  ended!: number;
  /** Transfers that go on: what nginx is sending, it sends to the end. */
  @ApiProperty({ type: 'integer', example: 0 })
  running!: number;
}
