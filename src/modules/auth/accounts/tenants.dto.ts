import { ApiProperty } from '@nestjs/swagger';
import {
  IsBoolean,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateIf,
} from 'class-validator';
import { PageQuery } from '../../../common/http/index.js';

const given = (_: object, value: unknown): boolean => value !== undefined;
const givenNumber = (_: object, value: unknown): boolean => value !== undefined && value !== null;
const SLUG = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const WRONG_SLUG = { message: 'must be lower-case letters, digits and "-", neither first nor last' };
/** Counted as PostgreSQL does: MaxLength takes some pairs of code points for one. */
const NAME = /^[^\p{Cc}]{1,255}$/u;
const NAME_RULE = { message: 'must be 1 to 255 characters, none of them a control character' };

export class NewTenantDto {
  /** @example Acme Ltd */
  @IsString()
  @MinLength(1)
  @MaxLength(255)
  @Matches(NAME, NAME_RULE)
  name!: string;

  /** A short name that stays. @example acme */
  @IsString()
  @MaxLength(63)
  @Matches(SLUG, WRONG_SLUG)
  slug!: string;

  /** Bytes that its files may take together; null or nothing: no limit. @example 1099511627776 */
  @ApiProperty({ type: 'integer', format: 'int64', minimum: 0, nullable: true, required: false })
  @ValidateIf(givenNumber)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  quotaBytes?: number | null;
}

/** Members that are left out stay as they are. */
export class ChangeTenantDto {
  /** @example Acme Ltd */
  @ValidateIf(given)
  @IsString()
  @MinLength(1)
  @MaxLength(255)
  @Matches(NAME, NAME_RULE)
  name?: string;

  /** Nobody of a suspended tenant is served, nor are its public files. */
  @ValidateIf(given)
  @IsBoolean()
  suspended?: boolean;

  /** Bytes; null: no limit. */
  @ApiProperty({ type: 'integer', format: 'int64', minimum: 0, nullable: true, required: false })
  @ValidateIf(givenNumber)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  quotaBytes?: number | null;
}

export class ListTenantsQuery extends PageQuery {
  /** Exactly this one. @example acme */
  @IsOptional()
  @IsString()
  @MaxLength(63)
  @Matches(SLUG, WRONG_SLUG)
  slug?: string;
}

export class TenantDto {
  /** @example 2 */
  id!: string;
  /** @example Acme Ltd */
  name!: string;
  /** @example acme */
  slug!: string;
  suspended!: boolean;
  /** Bytes; null: no limit. */
  @ApiProperty({ type: 'integer', format: 'int64', nullable: true })
  quotaBytes!: number | null;
  /** Bytes of its files. */
  @ApiProperty({ type: 'integer', format: 'int64' })
  usedBytes!: number;
  /** Bytes that its unfinished uploads will have; they count for the quota, too. */
  @ApiProperty({ type: 'integer', format: 'int64' })
  reservedBytes!: number;
  createdAt!: Date;
}

export class TenantPageDto {
  items!: TenantDto[];
  /** For the next page; null on the last one. */
  @ApiProperty({ type: 'string', nullable: true })
  nextCursor!: string | null;
}
