import { ApiProperty } from '@nestjs/swagger';
import { IsEmail, IsString, MaxLength, MinLength } from 'class-validator';
import type { Role } from './principals/principal.js';

export class LoginDto {
  /** @example admin@example.com */
  @IsEmail({}, { message: 'must be an e-mail address' })
  @MaxLength(254)
  email!: string;

  /** @example correct horse battery staple */
  @IsString()
  @MinLength(1)
  @MaxLength(1024)
  password!: string;
}

export class AccessTokenDto {
  /** For `Authorization: Bearer`. */
  accessToken!: string;
  /** @example Bearer */
  tokenType!: 'Bearer';
  /** Seconds. @example 900 */
  @ApiProperty({ type: 'integer' })
  expiresIn!: number;
}

export class MeDto {
  /** @example 1 */
  id!: string;
  /** @example admin@example.com */
  email!: string;
  @ApiProperty({ enum: ['operator', 'admin', 'user'] })
  role!: Role;
  /** @example 1 */
  tenantId!: string;
}
