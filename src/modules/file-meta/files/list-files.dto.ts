import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min, MinLength } from 'class-validator';
import { FileDto } from './file.dto.js';
import { FILE_ORDERS, type FileOrder } from './file-order.js';

export class ListFilesQuery {
  /** Part of the name, without regard to case. @example report */
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(255)
  @Matches(/^[^\0]*$/, { message: 'must not have NUL' })
  filename?: string;

  @ApiProperty({ enum: FILE_ORDERS, default: '-createdAt', required: false })
  @IsOptional()
  @IsIn(FILE_ORDERS)
  sort: FileOrder = '-createdAt';

  /** Files in one answer. */
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 200, default: 50, required: false })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit = 50;

  /** `nextCursor` of the answer before. */
  @IsOptional()
  @IsString()
  cursor?: string;
}

export class FileListDto {
  @ApiProperty({ type: [FileDto] })
  items!: FileDto[];
  /** For the next page; null on the last one. */
  @ApiProperty({ type: 'string', nullable: true })
  nextCursor!: string | null;
}
