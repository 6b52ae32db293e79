import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  IsBoolean,
  IsEmail,
  IsIn,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  MinLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { IsBigIntId, PageQuery } from '../../../common/http/index.js';
import { ROLES, type Role } from '../principals/principal.js';
import { UserLimitsDto } from './user-limits.js';

const given = (_: object, value: unknown): boolean => value !== undefined;

export class NewUserDto {
  /** @example ann@example.com */
  @IsEmail({}, { message: 'must be an e-mail address' })
  @MaxLength(254)
  email!: string;

  /** @example correct horse battery staple */
  @IsString()
  @MinLength(8)
  @MaxLength(1024)
  password!: string;

  @ApiProperty({ enum: ROLES, default: 'user', required: false })
  @ValidateIf(given)
  @IsIn(ROLES)
  role: Role = 'user';

  /** Id of the tenant, for operators; without it the caller's own. @example 1 */
  @ValidateIf(given)
  @IsBigIntId()
  tenant?: string;
}

/** Members that are left out stay as they are. */
export class ChangeUserDto {
  @ApiProperty({ enum: ROLES, required: false })
  @ValidateIf(given)
  @IsIn(ROLES)
  role?: Role;

  /** A disabled user is refused from the next request on. */
  @ValidateIf(given)
  @IsBoolean()
  disabled?: boolean;

  /** A new password, set by an admin: ends all sessions, API keys and download tokens of the user. */
  @ValidateIf(given)
  @IsString()
  @MinLength(8)
  @MaxLength(1024)
  password?: string;

  @ApiProperty({ type: UserLimitsDto, required: false })
  @ValidateIf(given)
  @IsObject()
  @ValidateNested()
  @Type(() => UserLimitsDto)
  limits?: UserLimitsDto;
}

export class ListUsersQuery extends PageQuery {
  /** Part of the address, without regard to case. @example ann */
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(254)
  @Matches(/^[^\0]*$/, { message: 'must not have NUL' })
  email?: string;

  @ApiProperty({ enum: ROLES, required: false })
  @IsOptional()
  @IsIn(ROLES)
  role?: Role;

  /** Id of the tenant, for operators; without it the caller's own. @example 1 */
  @IsOptional()
  @IsBigIntId()
  tenant?: string;
}

export class UserDto {
  /** @example 7 */
  id!: string;
  /** @example ann@example.com */
  email!: string;
  @ApiProperty({ enum: ROLES })
  role!: Role;
  /** @example 1 */
  tenantId!: string;
  disabled!: boolean;
  /** Overrides of the defaults. */
  @ApiProperty({ type: UserLimitsDto })
  limits!: UserLimitsDto;
  createdAt!: Date;
  updatedAt!: Date;
}

export class UserPageDto {
  items!: UserDto[];
  /** For the next page; null on the last one. */
  @ApiProperty({ type: 'string', nullable: true })
  nextCursor!: string | null;
}
