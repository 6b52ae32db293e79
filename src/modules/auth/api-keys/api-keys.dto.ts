import { ApiProperty } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsIn,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  MinLength,
} from 'class-validator';
import { IsTimestamp } from '../../../common/http/index.js';
import { PERMISSIONS, type Permission } from '../principals/permissions.js';

export class NewApiKeyDto {
  /** What it is for. @example nightly export */
  @IsString()
  @MinLength(1)
  @MaxLength(100)
  // Counted as PostgreSQL does: MaxLength takes some pairs of code points for one.
  @Matches(/^[^\p{Cc}]{1,100}$/u, {
    message: 'must be 1 to 100 characters, none of them a control character',
  })
  name!: string;

  /** What it may do: nothing else. */
  @ApiProperty({ enum: PERMISSIONS, isArray: true, example: ['download', 'files:read'] })
  @ArrayMinSize(1)
  @ArrayMaxSize(PERMISSIONS.length)
  @ArrayUnique()
  @IsIn(PERMISSIONS, { each: true })
  scopes!: Permission[];

  /** RFC 3339, in the future; null or nothing: the key does not expire. */
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true, required: false })
  @IsOptional()
  @IsTimestamp()
  expiresAt?: string | null;
}

export class ApiKeyDto {
  /** @example 3 */
  id!: string;
  /** @example nightly export */
  name!: string;
  /** How the key begins, to recognise it. @example dsk_k3q7zt5m2a */
  prefix!: string;
  @ApiProperty({ enum: PERMISSIONS, isArray: true })
  scopes!: Permission[];
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true })
  expiresAt!: Date | null;
  /** To the minute. */
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true })
  lastUsedAt!: Date | null;
  createdAt!: Date;
}

export class CreatedApiKeyDto extends ApiKeyDto {
  /** For `X-API-Key`. Shown now and never again. */
  key!: string;
}

export class ApiKeyListDto {
  items!: ApiKeyDto[];
}
