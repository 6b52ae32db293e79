import { ApiProperty } from '@nestjs/swagger';
import {
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  IsUUID,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { PartUrlDto } from '../direct/part-urls.dto.js';
import type { Challenge } from '../instant/challenge.js';
import { FileDto, FilenameRule, VISIBILITIES, type Visibility } from '../../file-meta/index.js';
import { MAX_CHUNK_SIZE, MIN_CHUNK_SIZE } from './chunk-plan.js';
import { UPLOAD_STATES, type UploadState } from './upload-session.js';

export class NewUploadDto {
  /** @example holiday.mp4 */
  @FilenameRule()
  filename!: string;

  /** Bytes of the whole file. */
  @ApiProperty({ type: 'integer', format: 'int64', minimum: 0, example: 5368709120 })
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  size!: number;

  /** Without one, or with one that cannot be read, `application/octet-stream`. @example video/mp4 */
  @IsOptional()
  @IsString()
  @MaxLength(255)
  contentType?: string;

  @ApiProperty({ enum: VISIBILITIES, default: 'private', required: false })
  @IsOptional()
  @IsIn(VISIBILITIES)
  visibility?: Visibility;

  /** SHA-256 of the whole file, hex: what arrives must have it. */
  @ApiProperty({ pattern: '^[0-9A-Fa-f]{64}$', required: false })
  @IsOptional()
  @Matches(/^[0-9A-Fa-f]{64}$/, { message: 'sha256 must be 64 hex digits' })
  sha256?: string;

  /** Bytes. What is used is in the answer: stores may want more. */
  @ApiProperty({ type: 'integer', minimum: MIN_CHUNK_SIZE, maximum: MAX_CHUNK_SIZE, required: false })
  @IsOptional()
  @IsInt()
  @Min(MIN_CHUNK_SIZE)
  @Max(MAX_CHUNK_SIZE)
  chunkSize?: number;

  /** Name of a volume, for admins. */
  @IsOptional()
  @IsString()
  @MaxLength(32)
  volume?: string;

  /** The chunks go straight to the object store, by presigned URLs. */
  @ApiProperty({ type: 'boolean', default: false, required: false })
  @IsOptional()
  @IsBoolean()
  direct?: boolean;
}

export class ProofDto {
  /** SHA-256 of the nonce's bytes and the bytes of the ranges, in their order; hex. */
  @ApiProperty({ pattern: '^[0-9A-Fa-f]{64}$' })
  @Matches(/^[0-9A-Fa-f]{64}$/, { message: 'digest must be 64 hex digits' })
  digest!: string;
}

/** The content is there already: who proves to have it need not send it. */
export class ChallengeDto {
  /** Hex. */
  nonce!: string;
  /** First and last byte, inclusive. */
  @ApiProperty({
    type: 'array',
    items: { type: 'array', items: { type: 'integer', format: 'int64' }, minItems: 2, maxItems: 2 },
    example: [[0, 65535]],
  })
  ranges!: [number, number][];
  @ApiProperty({ type: 'string', format: 'date-time' })
  expiresAt!: string;
}

export function toChallengeDto({ nonce, ranges, expiresAt }: Challenge): ChallengeDto {
  return {
    nonce,
    ranges: ranges.map(({ first, last }) => [first, last]),
    expiresAt: expiresAt.toISOString(),
  };
}

export class UploadProgressQuery {
  /** @example 3f2a1c9e-7d4b-4b8e-9a51-0c6f2f1f7a11 */
  @IsUUID('all')
  uploadId!: string;
}

export class UploadDto {
  /** @example 3f2a1c9e-7d4b-4b8e-9a51-0c6f2f1f7a11 */
  uploadId!: string;
  /** @example holiday.mp4 */
  filename!: string;
  /** Bytes. */
  @ApiProperty({ type: 'integer', format: 'int64', example: 5368709120 })
  size!: number;
  @ApiProperty({ enum: UPLOAD_STATES })
  status!: UploadState;
  /** Bytes of every chunk but the last. */
  @ApiProperty({ type: 'integer', example: 5242880 })
  chunkSize!: number;
  @ApiProperty({ type: 'integer', example: 1024 })
  chunkCount!: number;
  /** Indexes, from 0, of the chunks that are there for good; in order. */
  @ApiProperty({ type: 'array', items: { type: 'integer' }, example: [0, 1, 2] })
  received!: number[];
  /** Each chunk puts it off. */
  @ApiProperty({ type: 'string', format: 'date-time' })
  expiresAt!: string;
  /** Code of the problem with which it has failed. */
  @ApiProperty({ required: false, example: 'digest-mismatch' })
  failure?: string;
  /** Where the first parts go, when they go to the store; `POST /uploads/:id/parts` gives more. */
  @ApiProperty({ type: [PartUrlDto], required: false })
  parts?: PartUrlDto[];
  /** With it a proof may take the place of the bytes: `POST /uploads/:id/proof`. */
  @ApiProperty({ type: ChallengeDto, required: false })
  challenge?: ChallengeDto;
  /** What it has become. */
  @ApiProperty({ type: FileDto, required: false })
  file?: FileDto;
}
