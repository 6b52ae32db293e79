import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Max, Min, ValidateIf } from 'class-validator';

/** Overrides of the installation's defaults for one user; what is missing is the default. */
export interface UserLimits {
  readonly maxConcurrentDownloads?: number;
  /** Bytes per second of one transfer. */
  readonly transferRate?: number;
  /** Bytes per second of all transfers together. */
  readonly userRate?: number;
  /** Bytes that the user's files may have together. */
  readonly quotaBytes?: number;
}

const MAX_CONCURRENT = 1_000_000;
/** Slower than any client waits for. */
const MIN_RATE = 1_024;
/** 100 Gbit/s and more. */
const MAX_RATE = 2 ** 40;

const given = (_: object, value: unknown): boolean => value !== undefined && value !== null;

/** Members that are left out stay as they are; null takes one back. */
export class UserLimitsDto {
  /** Downloads at once. */
  @ApiProperty({ type: 'integer', minimum: 1, maximum: MAX_CONCURRENT, nullable: true, required: false })
  @ValidateIf(given)
  @IsInt()
  @Min(1)
  @Max(MAX_CONCURRENT)
  maxConcurrentDownloads?: number | null;

  /** Bytes per second of one transfer. */
  @ApiProperty({ type: 'integer', minimum: MIN_RATE, maximum: MAX_RATE, nullable: true, required: false })
  @ValidateIf(given)
  @IsInt()
  @Min(MIN_RATE)
  @Max(MAX_RATE)
  transferRate?: number | null;

  /** Bytes per second of all transfers of the user together. */
  @ApiProperty({ type: 'integer', minimum: MIN_RATE, maximum: MAX_RATE, nullable: true, required: false })
  @ValidateIf(given)
  @IsInt()
  @Min(MIN_RATE)
  @Max(MAX_RATE)
  userRate?: number | null;

  /** Bytes that the user's files may have together; 0: nothing may be uploaded. */
  @ApiProperty({
    type: 'integer',
    format: 'int64',
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    nullable: true,
    required: false,
  })
  @ValidateIf(given)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  quotaBytes?: number | null;
}

export function changeLimits(limits: UserLimits, change: UserLimitsDto): UserLimits {
  const changed: Record<string, number> = { ...limits };
  for (const [name, value] of Object.entries(change) as [string, number | null | undefined][]) {
    if (value === null) Reflect.deleteProperty(changed, name);
    else if (value !== undefined) changed[name] = value;
  }
  return changed;
}
