import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { isUniqueViolation } from '../../../common/database/index.js';
import { decodeIdCursor, pageOf } from '../../../common/http/index.js';
import { Problem, validationFailed } from '../../../common/problems/index.js';
import { RevokingTransaction } from '../../../common/revocation/index.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { forbidden, ownAccount, slugTaken, tenantNotFound } from '../auth.problems.js';
import type { Actor } from '../principals/actor.js';
import { mayStillAct } from './users.repository.js';
import type {
  ChangeTenantDto,
  ListTenantsQuery,
  NewTenantDto,
  TenantDto,
  TenantPageDto,
} from './tenants.dto.js';

/** A column of the tenant's account. That of a tenant which is just being made is not to be seen yet. */
const usage = (column: string): string =>
  `coalesce((SELECT s.${column} FROM storage_usage s WHERE s.tenant_id = tenants.id AND s.owner_id IS NULL), 0)`;

const COLUMNS = `id, name, slug, suspended_at IS NOT NULL AS suspended, quota_bytes AS "quotaBytes",
  ${usage('used_bytes')} AS "usedBytes", ${usage('reserved_bytes')} AS "reservedBytes", created_at AS "createdAt"`;

/** As the driver gives it: BIGINT is a text. */
type Row = Omit<TenantDto, 'quotaBytes' | 'usedBytes' | 'reservedBytes'> & {
  quotaBytes: string | null;
  usedBytes: string;
  reservedBytes: string;
};

/** The companies of the installation; for operators. */
@Injectable()
export class TenantsService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly revoking: RevokingTransaction,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws Problem `slug-taken` (409) */
  async create({ name, slug, quotaBytes = null }: NewTenantDto, actor: Actor): Promise<TenantDto> {
    try {
      return await this.database.transaction(async (transaction) => {
        const [row] = await transaction.query<Row[]>(
          `INSERT INTO tenants (name, slug, quota_bytes) VALUES ($1, $2, $3) RETURNING ${COLUMNS}`,
          [name, slug, quotaBytes],
        );
        if (row === undefined) throw new Error('INSERT … RETURNING gave no row');
        await this.audit.record(transaction, {
          ...actor,
          tenantId: row.id,
          action: 'tenant.create',
          outcome: 'ok',
          object: { kind: 'tenant', id: row.id },
          detail: { name, slug, quotaBytes },
        });
        return toDto(row);
      });
    } catch (error) {
      throw isUniqueViolation(error, 'tenants_slug_key') ? slugTaken() : error;
    }
  }

  /** By id. */
  async list({ slug, cursor, limit }: ListTenantsQuery): Promise<TenantPageDto> {
    const rows = await this.database.query<Row[]>(
      `SELECT ${COLUMNS} FROM tenants WHERE ($1::varchar IS NULL OR slug = $1) AND ($2::bigint IS NULL OR id > $2)
       ORDER BY id LIMIT $3`,
      [slug ?? null, cursor === undefined ? null : decodeIdCursor(cursor), limit + 1],
    );
    const { items, nextCursor } = pageOf(rows, limit);
    return { items: items.map(toDto), nextCursor };
  }

  /** @throws Problem `tenant-not-found` (404) */
  async get(id: string): Promise<TenantDto> {
    const [row] = await this.database.query<Row[]>(`SELECT ${COLUMNS} FROM tenants WHERE id = $1`, [id]);
    if (row === undefined) throw tenantNotFound();
    return toDto(row);
  }

  /**
   * A suspension takes effect at the next request, on every replica.
   * @throws Problem `tenant-not-found` (404), `forbidden` (403), `own-account` (409), `validation-failed` (400)
   */
  async change(id: string, change: ChangeTenantDto, actor: Actor): Promise<TenantDto> {
    const { name, suspended, quotaBytes } = change;
    if (Object.values(change).every((value) => value === undefined)) {
      throw new Problem(validationFailed, { detail: 'Nothing to change: send at least one member.' });
    }
    if (suspended === true && id === actor.user.tenantId) {
      throw ownAccount('You would lock yourself out, and with you every operator of your tenant.');
    }
    return this.revoking.run(async (transaction, announce) => {
      await this.open(transaction, id, actor);
      await announce(`tenant:${id}`);
      const [rows] = await transaction.query<[Row[], number]>(
        `UPDATE tenants SET
           name = coalesce($2, name),
           suspended_at = CASE WHEN $3::boolean IS NULL THEN suspended_at WHEN $3 THEN coalesce(suspended_at, now()) END,
           quota_bytes = CASE WHEN $4 THEN $5::bigint ELSE quota_bytes END
         WHERE id = $1 RETURNING ${COLUMNS}`,
        [id, name ?? null, suspended ?? null, quotaBytes !== undefined, quotaBytes ?? null],
      );
      await this.audit.record(transaction, {
        ...actor,
        tenantId: id,
        action: 'tenant.change',
        outcome: 'ok',
        object: { kind: 'tenant', id },
        detail: { name, suspended, quotaBytes },
      });
      const [row] = rows;
      if (row === undefined) throw tenantNotFound();
      return toDto(row);
    });
  }

  /** Locks the tenant, and the caller's own in one order for all: of two operators who shut each other out only one succeeds. */
  private async open(transaction: EntityManager, id: string, { user }: Actor): Promise<void> {
    const locked = await transaction.query<{ id: string }[]>(
      'SELECT id FROM tenants WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE',
      [[id, user.tenantId]],
    );
    await transaction.query('SELECT id FROM users WHERE id = $1 FOR SHARE', [user.userId]);
    if (!(await mayStillAct(transaction, user))) throw forbidden();
    if (!locked.some((tenant) => tenant.id === id)) throw tenantNotFound();
  }
}

function toDto(row: Row): TenantDto {
  return {
    ...row,
    quotaBytes: row.quotaBytes === null ? null : Number(row.quotaBytes),
    usedBytes: Number(row.usedBytes),
    reservedBytes: Number(row.reservedBytes),
  };
}
