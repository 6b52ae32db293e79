import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional, Matches } from 'class-validator';
import { IsBigIntId, IsTimestamp, PageQuery } from '../../../common/http/index.js';
import { AUDIT_ACTIONS, AUDIT_OUTCOMES, type AuditAction, type AuditOutcome } from './audit-event.js';

/** Of rows, whole numbers; of what is kept in Redis, such as tokens and downloads, random letters. */
const OBJECT_ID = /^(?:[1-9]\d{0,18}|[\w-]{20,64})$/;

export class AuditQuery extends PageQuery {
  @ApiProperty({ enum: AUDIT_ACTIONS, required: false })
  @IsOptional()
  @IsIn(AUDIT_ACTIONS)
  action?: AuditAction;

  @ApiProperty({ enum: AUDIT_OUTCOMES, required: false })
  @IsOptional()
  @IsIn(AUDIT_OUTCOMES)
  outcome?: AuditOutcome;

  /** Id of the user who did it. @example 7 */
  @IsOptional()
  @IsBigIntId()
  actorId?: string;

  /** @example user */
  @IsOptional()
  @IsIn(['user', 'tenant', 'api-key', 'file', 'token', 'download'])
  objectKind?: string;

  /** Together with objectKind. @example 7 */
  @IsOptional()
  @Matches(OBJECT_ID, { message: 'must be an id, as the entries have it' })
  objectId?: string;

  /** Not before this time (RFC 3339). @example 2027-01-01T00:00:00Z */
  @IsOptional()
  @IsTimestamp()
  since?: string;

  /** Before this time. @example 2027-02-01T00:00:00Z */
  @IsOptional()
  @IsTimestamp()
  until?: string;

  /** Of this tenant only; operators see all. @example 1 */
  @IsOptional()
  @IsBigIntId()
  tenant?: string;
}

export class AuditEntryDto {
  /** @example 1042 */
  id!: string;
  at!: Date;
  /** Null for what concerns no tenant. @example 1 */
  @ApiProperty({ type: 'string', nullable: true })
  tenantId!: string | null;
  /** Who did it; null for callers that are not known. @example 7 */
  @ApiProperty({ type: 'string', nullable: true })
  actorId!: string | null;
  /** As it was then. @example admin@example.com */
  @ApiProperty({ type: 'string', nullable: true })
  actorEmail!: string | null;
  /** How they came in: session, api-key:<id>, oidc, token:<id>. @example session */
  @ApiProperty({ type: 'string', nullable: true })
  credential!: string | null;
  @ApiProperty({ enum: AUDIT_ACTIONS })
  action!: AuditAction;
  @ApiProperty({ enum: AUDIT_OUTCOMES })
  outcome!: AuditOutcome;
  /** @example user */
  @ApiProperty({ type: 'string', nullable: true })
  objectKind!: string | null;
  /** @example 8 */
  @ApiProperty({ type: 'string', nullable: true })
  objectId!: string | null;
  /** Anonymous refusals are counted per minute and source; `detail.since` is when the first of them came. @example 1 */
  @ApiProperty({ type: 'integer' })
  count!: number;
  /** Address, or the block of addresses that were counted together. @example 203.0.113.7 */
  @ApiProperty({ type: 'string', nullable: true })
  ip!: string | null;
  /** Names the request in the logs. */
  @ApiProperty({ type: 'string', nullable: true })
  requestId!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true })
  detail!: Record<string, unknown>;
}

export class AuditPageDto {
  items!: AuditEntryDto[];
  /** For the next page; null on the last one. */
  @ApiProperty({ type: 'string', nullable: true })
  nextCursor!: string | null;
}
