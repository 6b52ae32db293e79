import { ApiProperty } from '@nestjs/swagger';
import { OBJECT_VERDICTS, type ObjectVerdict } from '../../storage/index.js';

export class VerificationDto {
  /** @example 42 */
  fileId!: string;
  /** Whether the stored bytes are those that were once verified and published. */
  @ApiProperty({ enum: OBJECT_VERDICTS })
  verdict!: ObjectVerdict;
  /** Bytes that it must have. */
  @ApiProperty({ type: 'integer', format: 'int64', example: 1048576 })
  size!: number;
  /** The hash that it must have. @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 */
  sha256!: string;
  /** Bytes that were found; null when it is missing. */
  @ApiProperty({ type: 'integer', format: 'int64', nullable: true, example: 1048576 })
  foundSize!: number | null;
  /** The hash that was found; null when the size told already. */
  @ApiProperty({ type: 'string', nullable: true })
  foundSha256!: string | null;
  /** When the last byte had been read. */
  @ApiProperty({ type: 'string', format: 'date-time' })
  verifiedAt!: string;
}
