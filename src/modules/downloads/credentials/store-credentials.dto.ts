import { ApiProperty } from '@nestjs/swagger';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { BigIntIdList } from '../../../common/http/index.js';

/** A policy names each of them, and may have 2,048 characters. */
const MAX_FILES = 20;
/** Seconds: what STS gives at least, and what we let live without a way to take it back. */
const MIN_TTL = 900;
const MAX_TTL = 3_600;

export class NewStoreCredentialsDto {
  /** Files to download, all of them on one volume. */
  @BigIntIdList(MAX_FILES)
  fileIds!: string[];

  /** Life, s; shorter where the right to download ends sooner. */
  @ApiProperty({ type: 'integer', minimum: MIN_TTL, maximum: MAX_TTL, default: MIN_TTL, required: false })
  @IsOptional()
  @IsInt()
  @Min(MIN_TTL)
  @Max(MAX_TTL)
  ttl: number = MIN_TTL;
}

export class StoreObjectDto {
  /** @example 42 */
  fileId!: string;
  /** @example download-service */
  bucket!: string;
  /** @example 1/6f/1d2c0e9a4b4c1d8e7f60718293a4b5 */
  key!: string;
}

export class StoreCredentialsDto {
  /** @example 3K5NNZDY1GEN8O7K5ZUD */
  accessKeyId!: string;
  secretAccessKey!: string;
  sessionToken!: string;
  expiresAt!: Date;
  /** Where the store is, for clients (path-style). @example https://s3.example.com */
  endpoint!: string;
  /** @example us-east-1 */
  region!: string;
  /** In the order of `fileIds`. */
  objects!: StoreObjectDto[];
}
