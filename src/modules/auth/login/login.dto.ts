import { ApiProperty } from '@nestjs/swagger';
import { IsEmail, IsString, MaxLength, MinLength } from 'class-validator';
import { NormalisedEmail } from '../accounts/email.js';
import { ROLES, type Role } from '../principals/principal.js';

export class LoginDto {
  /** Case does not matter. @example admin@example.com */
  @NormalisedEmail()
  @IsEmail({}, { message: 'must be an e-mail address' })
  @MaxLength(254)
  email!: string;

  /** @example correct horse battery staple */
  @IsString()
  @MinLength(1)
  @MaxLength(1024)
  password!: string;
}

export class RefreshDto {
  /** Of the answer before. */
  @IsString()
  @MinLength(1)
  refreshToken!: string;
}

export class ChangePasswordDto {
  @IsString()
  @MinLength(1)
  @MaxLength(1024)
  currentPassword!: string;

  /** @example correct horse battery staple */
  @IsString()
  @MinLength(8)
  @MaxLength(1024)
  newPassword!: string;
}

export class TokensDto {
  /** For `Authorization: Bearer`. */
  accessToken!: string;
  /** @example Bearer */
  tokenType!: 'Bearer';
  /** Seconds. @example 900 */
  @ApiProperty({ type: 'integer' })
  expiresIn!: number;
  /** For `POST /api/v1/auth/refresh`, once. */
  refreshToken!: string;
}

export class MeDto {
  /** @example 1 */
  id!: string;
  /** @example admin@example.com */
  email!: string;
  @ApiProperty({ enum: ROLES })
  role!: Role;
  /** @example 1 */
  tenantId!: string;
}
