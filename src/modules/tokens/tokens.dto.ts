import { ApiProperty } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsIn,
  IsInt,
  IsOptional,
  Max,
  Min,
  ValidateBy,
  ValidateIf,
} from 'class-validator';
import { FilenameRule } from '../file-meta/index.js';
import { normaliseBlock } from './allowed-addresses.js';
import { type Resume, RESUMES } from './stored-token.js';

const MAX_COUNT = 1_000_000;
const MAX_BLOCKS = 50;
const MAX_CONCURRENT = 5;

const given = (_: object, value: unknown): boolean => value !== undefined;

/** Every element is an address or a network. */
const AreBlocks = (): PropertyDecorator =>
  ValidateBy(
    {
      name: 'blocks',
      validator: {
        validate: (value: unknown) => typeof value === 'string' && normaliseBlock(value) !== undefined,
        defaultMessage: () =>
          'must have addresses or networks in CIDR notation, as in 203.0.113.7 and 2001:db8::/32',
      },
    },
    { each: true },
  );

export class NewTokenDto {
  /** Life, s: a download begins before its end. Without it `DOWNLOAD_TOKEN_TTL` (300), at most `DOWNLOAD_TOKEN_MAX_TTL` (604800). */
  @ApiProperty({ type: 'integer', minimum: 1, required: false, example: 3_600 })
  @ValidateIf(given)
  @IsInt()
  @Min(1)
  expiresIn?: number;

  /** Downloads that it pays for; null or nothing: as many as come. Resuming one costs none. */
  @ApiProperty({
    type: 'integer',
    minimum: 1,
    maximum: MAX_COUNT,
    nullable: true,
    required: false,
    example: 1,
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_COUNT)
  maxDownloads?: number | null;

  /** Downloads at once. */
  @ApiProperty({ type: 'integer', minimum: 1, maximum: MAX_COUNT, default: MAX_CONCURRENT, required: false })
  @ValidateIf(given)
  @IsInt()
  @Min(1)
  @Max(MAX_COUNT)
  maxConcurrent: number = MAX_CONCURRENT;

  /** Addresses and networks (CIDR) from which it may be used; null or nothing: from anywhere. */
  @ApiProperty({
    type: 'array',
    items: { type: 'string' },
    minItems: 1,
    maxItems: MAX_BLOCKS,
    nullable: true,
    required: false,
    example: ['203.0.113.0/24', '2001:db8::/32'],
  })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_BLOCKS)
  @AreBlocks()
  allowedIps?: string[] | null;

  /**
   * Who may go on with a download: `any`, whoever has its cookie or, without one, its address and User-Agent; `cookie`, only who has
   * its cookie.
   */
  @ApiProperty({ enum: RESUMES, default: 'any', required: false })
  @ValidateIf(given)
  @IsIn(RESUMES)
  resume: Resume = 'any';

  /** What the file is called for who downloads it; null or nothing: as it is called. @example report.pdf */
  @ApiProperty({ type: 'string', nullable: true, required: false })
  @IsOptional()
  @FilenameRule()
  filename?: string | null;
}

class TokenTermsDto {
  /** Public: it names the token and opens nothing. @example 3q2-7wAAAAAAAAAAAAAAAA */
  id!: string;
  /** @example 42 */
  fileId!: string;
  @ApiProperty({ type: 'string', format: 'date-time' })
  expiresAt!: Date;
  @ApiProperty({ type: 'integer', nullable: true })
  maxDownloads!: number | null;
  @ApiProperty({ type: 'integer' })
  maxConcurrent!: number;
  /** In their shortest form, without bits behind the prefix. */
  @ApiProperty({ type: 'array', items: { type: 'string' }, nullable: true })
  allowedIps!: readonly string[] | null;
  @ApiProperty({ enum: RESUMES })
  resume!: Resume;
  @ApiProperty({ type: 'string', nullable: true })
  filename!: string | null;
}

export class CreatedTokenDto extends TokenTermsDto {
  /** Shown now and never again. @example dlt_cGFzcyBtZSBvbiB0byB3aG9ldmVyIG1heSBoYXZlIGl0 */
  token!: string;
  /** To give away as it is. @example https://files.example.com/download/42?token=dlt_cGFzcyBtZSBvbiB0byB3aG9ldmVyIG1heSBoYXZlIGl0 */
  url!: string;
}

export class TokenDto extends TokenTermsDto {
  /** Downloads that it has paid for. */
  @ApiProperty({ type: 'integer' })
  used!: number;
  /** Id of the user. @example 7 */
  mintedBy!: string;
  @ApiProperty({ type: 'string', format: 'date-time' })
  createdAt!: Date;
}

export class TokenPageDto {
  items!: TokenDto[];
  /** For the next page; null on the last one. */
  @ApiProperty({ type: 'string', nullable: true })
  nextCursor!: string | null;
}
