import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, ArrayUnique, IsInt, Min } from 'class-validator';

/** Where a client puts one part itself. */
export class PartUrlDto {
  /** From 0. */
  @ApiProperty({ type: 'integer', example: 0 })
  index!: number;
  /** Bytes that the part has, exactly. */
  @ApiProperty({ type: 'integer', example: 5242880 })
  size!: number;
  /** For one PUT of that part, without credentials and without any other header than its length. */
  @ApiProperty({ format: 'uri' })
  url!: string;
  @ApiProperty({ type: 'string', format: 'date-time' })
  expiresAt!: string;
}

export class RenewPartsDto {
  /** Parts for which URLs are wanted. */
  @ApiProperty({
    type: 'array',
    items: { type: 'integer', minimum: 0 },
    minItems: 1,
    maxItems: 100,
    example: [100, 101],
  })
  @ArrayMinSize(1)
  @ArrayMaxSize(100)
  @ArrayUnique()
  @IsInt({ each: true })
  @Min(0, { each: true })
  indexes!: number[];
}

export class PartUrlsDto {
  @ApiProperty({ type: [PartUrlDto] })
  parts!: PartUrlDto[];
}
