import { ApiProperty } from '@nestjs/swagger';

export class HealthDto {
  /** @example ok */
  status!: 'ok';
}

export class PartHealthDto {
  /** @example up */
  status!: 'up';
}

export class VolumeAbilitiesDto {
  /** Temporary credentials for clients (`POST /storage/credentials`). */
  sts!: boolean;
  notifications!: boolean;
  /** The store itself refuses to replace an object. */
  conditionalWrites!: boolean;
  /** Clients may send the parts of an upload to the store themselves. */
  directUploads!: boolean;
}

export class VolumeHealthDto {
  /** @example local */
  name!: string;
  @ApiProperty({ enum: ['fs', 's3'] })
  driver!: 'fs' | 's3';
  /** @example accel */
  delivery!: string;
  /** Of a file system, bytes. */
  @ApiProperty({ type: 'integer', format: 'int64', required: false, example: 42_949_672_960 })
  freeBytes?: number;
  /** Of a file system, bytes. */
  @ApiProperty({ type: 'integer', format: 'int64', required: false, example: 107_374_182_400 })
  totalBytes?: number;
  /** Of a bucket: whether its store answers. */
  reachable?: boolean;
  /** Of a bucket, once it has been set up. */
  abilities?: VolumeAbilitiesDto;
  /** Of a bucket: what its setup has to say. */
  remarks?: string[];
  /** What is wrong with it, and which variable to look at. */
  error?: string;
}

export class HealthDetailsDto {
  schema!: PartHealthDto;
  redis!: PartHealthDto;
  volumes!: VolumeHealthDto[];
}

export class ReadinessDto extends HealthDto {
  /** Only for operators. */
  details?: HealthDetailsDto;
}
