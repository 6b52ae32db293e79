import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';

/** How much of a list one answer has. */
export class LimitQuery {
  /** Items in one answer. */
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 200, default: 50, required: false })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit = 50;
}

/** Query of a list by keyset. */
export class PageQuery extends LimitQuery {
  /** `nextCursor` of the answer before. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  cursor?: string;
}
