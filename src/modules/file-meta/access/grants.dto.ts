import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsOptional,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { BigIntIdList, IsBigIntId, IsTimestamp } from '../../../common/http/index.js';
import { type Role, ROLES } from '../../auth/index.js';
import { GRANT_PERMISSIONS, type GrantPermission } from './decide.js';
import { NotTogetherWith } from './not-together-with.js';

const MAX_FILES = 100;
const MAX_GRANTS = 50;

const given = (_: object, value: unknown): boolean => value !== undefined;

/** To whom: either `userId` or `role`. */
export class NewGrantDto {
  /** A user of the file's tenant. @example 7 */
  @ValidateIf(({ userId, role }: NewGrantDto) => userId !== undefined || role === undefined)
  @IsBigIntId()
  @NotTogetherWith('role')
  userId?: string;

  /** Everybody in the file's tenant who has this role, now or later. */
  @ApiProperty({ enum: ROLES, required: false, example: 'user' })
  @ValidateIf(given)
  @IsIn(ROLES)
  role?: Role;

  /** `download`: see the file and download it. `manage`: change and delete it too, and grant `download`. */
  @ApiProperty({ enum: GRANT_PERMISSIONS, example: 'download' })
  @IsIn(GRANT_PERMISSIONS)
  permission!: GrantPermission;

  /** RFC 3339, in the future; null or nothing: the grant does not end by itself. */
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true, required: false })
  @IsOptional()
  @IsTimestamp()
  expiresAt?: string | null;
}

/** Each of the grants on each of the files. */
export class NewGrantsDto {
  @BigIntIdList(MAX_FILES)
  fileIds!: string[];

  @ApiProperty({ type: [NewGrantDto], minItems: 1, maxItems: MAX_GRANTS })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_GRANTS)
  @ArrayUnique(whatAndToWhom, { message: 'must not give the same permission twice to the same subject' })
  @ValidateNested({ each: true })
  @Type(() => NewGrantDto)
  grants!: NewGrantDto[];
}

export class GrantDto {
  /** @example 5 */
  id!: string;
  /** @example 42 */
  fileId!: string;
  /** Null, when it is given to a role. */
  @ApiProperty({ type: 'string', nullable: true, example: '7' })
  userId!: string | null;
  /** Null, when it is given to a user. */
  @ApiProperty({ enum: ROLES, nullable: true, example: null })
  role!: Role | null;
  @ApiProperty({ enum: GRANT_PERMISSIONS })
  permission!: GrantPermission;
  /** Who gave it last: it counts as long as that user may give it. @example 1 */
  grantedBy!: string;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true })
  expiresAt!: Date | null;
  createdAt!: Date;
  /** Whether it counts now: not expired, and given by somebody who still may. */
  active!: boolean;
}

export class GrantPageDto {
  items!: GrantDto[];
  /** For the next page; null on the last one. */
  @ApiProperty({ type: 'string', nullable: true })
  nextCursor!: string | null;
}

export class GrantListDto {
  /** By file, then by id. */
  items!: GrantDto[];
}

/** One of what is not even an object is found wrong elsewhere. */
function whatAndToWhom(grant: unknown): unknown {
  if (typeof grant !== 'object' || grant === null) return Symbol();
  const { userId, role, permission } = grant as Record<string, unknown>;
  return JSON.stringify([userId, role, permission]);
}
