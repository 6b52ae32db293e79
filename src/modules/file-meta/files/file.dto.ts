import { ApiProperty } from '@nestjs/swagger';
import type { StoredFile } from './stored-file.js';
import { VISIBILITIES, type Visibility } from './visibility.js';

export class FileDto {
  /** @example 42 */
  id!: string;
  /** @example отчёт 2026.pdf */
  filename!: string;
  /** Bytes. */
  @ApiProperty({ type: 'integer', format: 'int64', example: 1048576 })
  size!: number;
  /** Hex. @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 */
  sha256!: string;
  /** @example application/pdf */
  contentType!: string;
  /** What the content looked like when it was stored; null: like nothing known. Downloads say `contentType`. @example application/pdf */
  @ApiProperty({ type: 'string', nullable: true })
  detectedType!: string | null;
  @ApiProperty({ enum: VISIBILITIES })
  visibility!: Visibility;
  /** @example 1 */
  ownerId!: string;
  @ApiProperty({ type: 'string', format: 'date-time' })
  createdAt!: string;
  @ApiProperty({ type: 'string', format: 'date-time' })
  updatedAt!: string;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true })
  expiresAt!: string | null;
}

export function toFileDto(file: StoredFile): FileDto {
  return {
    id: file.id,
    filename: file.filename,
    size: file.size,
    sha256: file.sha256,
    contentType: file.contentType,
    detectedType: file.detectedType,
    visibility: file.visibility,
    ownerId: file.ownerId,
    createdAt: file.createdAt.toISOString(),
    updatedAt: file.updatedAt.toISOString(),
    expiresAt: file.expiresAt?.toISOString() ?? null,
  };
}
