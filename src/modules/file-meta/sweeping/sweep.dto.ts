import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsOptional } from 'class-validator';

export class SweepRequestDto {
  /** Only counts what a sweep would begin with. */
  @ApiProperty({ type: 'boolean', default: false, required: false })
  @IsOptional()
  @IsBoolean()
  dryRun = false;
}

export class SweptStepDto {
  /** @example unreferenced-blobs */
  name!: string;
  /** Where the step knows it. @example local */
  volume?: string;
  /** What nothing owns; a dry run counts up to 10,000 a step and volume. */
  @ApiProperty({ type: 'integer', example: 12 })
  found!: number;
  @ApiProperty({ type: 'integer', example: 12 })
  removed!: number;
  /** Of what was removed, or in a dry run of what was found; as far as they are known. */
  @ApiProperty({ type: 'integer', format: 'int64', required: false, example: 73400320 })
  bytes?: number;
  /** Why the rest is put off, as the code of a problem. @example dependency-unavailable */
  problem?: string;
}

export class SweepDto {
  dryRun!: boolean;
  /** Whether it ended before all was looked at: ask again. */
  more!: boolean;
  @ApiProperty({ type: [SweptStepDto] })
  steps!: SweptStepDto[];
}
