import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsString, Matches, ValidateIf } from 'class-validator';
import { IsTimestamp } from '../../../common/http/index.js';
import { FilenameRule } from './filename.rule.js';
import { MEDIA_TYPE } from './media-type.js';
import { VISIBILITIES, type Visibility } from './visibility.js';

const given = (_: object, value: unknown): boolean => value !== undefined;

/** Members that are left out stay as they are. */
export class ChangeFileDto {
  /** @example отчёт 2026.pdf */
  @ValidateIf(given)
  @FilenameRule()
  filename?: string;

  /** @example application/pdf */
  @ValidateIf(given)
  @IsString()
  @Matches(MEDIA_TYPE, {
    message: 'must be a media type such as application/pdf, in lower case and without parameters',
  })
  contentType?: string;

  @ApiProperty({ enum: VISIBILITIES, required: false })
  @ValidateIf(given)
  @IsIn(VISIBILITIES)
  visibility?: Visibility;

  /** RFC 3339, in the future; null: never. An expired file may be given a longer life, until a sweep deletes it after `BLOB_TRASH_DAYS`. */
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true, required: false })
  @ValidateIf((_: object, value: unknown) => value !== undefined && value !== null)
  @IsTimestamp()
  expiresAt?: string | null;
}
