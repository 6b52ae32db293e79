import { ApiProperty } from '@nestjs/swagger';

export class StorageUsageDto {
  /** Bytes of the files. */
  @ApiProperty({ type: 'integer', format: 'int64', example: 1048576 })
  usedBytes!: number;
  /** Bytes that unfinished uploads will have. */
  @ApiProperty({ type: 'integer', format: 'int64', example: 0 })
  reservedBytes!: number;
  /** What both may be together; null: no limit. */
  @ApiProperty({ type: 'integer', format: 'int64', nullable: true, example: 1073741824 })
  quotaBytes!: number | null;
}
