import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Conditions } from '../../../common/database/index.js';
import { Problem, validationFailed } from '../../../common/problems/index.js';
import { forbidden } from '../auth.problems.js';
import type { UserPrincipal } from '../principals/principal.js';
import { type AuditPlace, decodeAuditCursor, encodeAuditCursor } from './audit-cursor.js';
import type { AuditEntryDto, AuditPageDto, AuditQuery } from './audit.dto.js';

@Injectable()
export class AuditService {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /**
   * Newest first. An admin sees its tenant, an operator all.
   * @throws Problem `forbidden` (403) for another's tenant, `validation-failed` (400) for ids of no kind
   */
  async list(query: AuditQuery, user: UserPrincipal): Promise<AuditPageDto> {
    if (query.objectId !== undefined && query.objectKind === undefined) {
      throw new Problem(validationFailed, {
        errors: [{ field: 'objectKind', message: 'must come with objectId' }],
      });
    }
    const where = new Conditions('true', [query.limit + 1]);
    where.filter('tenant_id = ?', tenantOf(query, user));
    where.filter('action = ?', query.action);
    where.filter('outcome = ?', query.outcome);
    where.filter('actor_id = ?', query.actorId);
    where.filter('object_kind = ?', query.objectKind);
    where.filter('object_id = ?', query.objectId);
    where.filter('at >= ?', query.since && new Date(query.since));
    where.filter('at < ?', query.until && new Date(query.until));
    if (query.cursor !== undefined) {
      const { micros, id } = decodeAuditCursor(query.cursor);
      where.and(
        `(at, id) < (timestamptz 'epoch' + ${where.bind(micros)}::bigint * interval '1 microsecond', ${where.bind(id)})`,
      );
    }
    const rows = await this.database.query<(AuditEntryDto & AuditPlace)[]>(
      `SELECT id, at, tenant_id AS "tenantId", actor_id AS "actorId", actor_email AS "actorEmail", credential, action, outcome,
              object_kind AS "objectKind", object_id AS "objectId", count, ip, request_id AS "requestId", detail,
              (extract(epoch FROM at) * 1000000)::bigint AS micros
       FROM audit_log WHERE ${where.toString()} ORDER BY at DESC, id DESC LIMIT $1`,
      where.values,
    );
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    return {
      items: page.map(({ micros: _, ...entry }) => entry),
      nextCursor: rows.length > query.limit && last ? encodeAuditCursor(last) : null,
    };
  }
}

function tenantOf({ tenant }: AuditQuery, user: UserPrincipal): string | undefined {
  if (user.role === 'operator') return tenant;
  if (tenant !== undefined && tenant !== user.tenantId) throw forbidden();
  return user.tenantId;
}
