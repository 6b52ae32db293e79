import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, IsIn, IsOptional, IsString, Matches, MaxLength, MinLength } from 'class-validator';
import { LimitQuery } from '../../../common/http/index.js';
import { FileDto } from './file.dto.js';
import { FILE_ORDERS, type FileOrder } from './file-order.js';

export class ListFilesQuery extends LimitQuery {
  /** Part of the name, without regard to case. @example report */
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(255)
  @Matches(/^[^\0]*$/, { message: 'must not have NUL' })
  filename?: string;

  /** Only files of others that a grant to the caller, or to its role, lets it read. */
  @ApiProperty({ type: 'boolean', default: false, required: false })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  sharedWithMe = false;

  @ApiProperty({ enum: FILE_ORDERS, default: '-createdAt', required: false })
  @IsOptional()
  @IsIn(FILE_ORDERS)
  sort: FileOrder = '-createdAt';

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
