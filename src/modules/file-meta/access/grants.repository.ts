import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import type { Role, UserPrincipal } from '../../auth/index.js';
import type { GrantPermission } from './decide.js';
import { FileGrant } from './file-grant.entity.js';
import { COUNTS, GIVEN_BY_RIGHT } from './grants-sql.js';
import type { GrantDto } from './grants.dto.js';

/** What is to be given, and to whom: either a user or a role. */
export interface NewGrant {
  readonly userId: string | null;
  readonly role: Role | null;
  readonly permission: GrantPermission;
  readonly expiresAt: Date | null;
}

export interface GivenGrant {
  readonly grant: GrantDto;
  /** The subject had no grant of that permission before. */
  readonly isNew: boolean;
  /** The giver may still give it. */
  readonly isByRight: boolean;
}

const COLUMNS = `
  g.id, g.file_id AS "fileId", g.user_id AS "userId", g.role, g.permission, g.granted_by AS "grantedBy",
  g.expires_at AS "expiresAt", g.created_at AS "createdAt", ${COUNTS} AS active`;
const FROM = `
  FROM file_grants g JOIN files f ON f.tenant_id = g.tenant_id AND f.id = g.file_id
  WHERE g.tenant_id = $1`;

@Injectable()
export class GrantsRepository {
  constructor(@InjectRepository(FileGrant) private readonly grants: Repository<FileGrant>) {}

  /** By id. @param after id behind which to begin */
  list(tenantId: string, fileId: string, limit: number, after: string | undefined): Promise<GrantDto[]> {
    return this.grants.query<GrantDto[]>(
      `SELECT ${COLUMNS} ${FROM} AND g.file_id = $2 AND g.id > $3 ORDER BY g.id LIMIT $4`,
      [tenantId, fileId, after ?? '0', limit],
    );
  }

  async find(tenantId: string, fileId: string, id: string): Promise<GrantDto | undefined> {
    const [grant] = await this.grants.query<GrantDto[]>(
      `SELECT ${COLUMNS} ${FROM} AND g.file_id = $2 AND g.id = $3`,
      [tenantId, fileId, id],
    );
    return grant;
  }

  /** Changes of the grants of one file come one by one. @returns those that are not deleted */
  async lockFiles(transaction: EntityManager, tenantId: string, ids: readonly string[]): Promise<string[]> {
    const rows = await transaction.query<{ id: string }[]>(
      // In one order for all: two that lock the same files do not wait for each other.
      `SELECT id FROM files WHERE tenant_id = $1 AND id = ANY ($2) AND deleted_at IS NULL ORDER BY id FOR UPDATE`,
      [tenantId, ids],
    );
    return rows.map(({ id }) => id);
  }

  /** Which of these ids are of users of the tenant. Those who are deleted are none. */
  async users(
    transaction: EntityManager,
    tenantId: string,
    ids: readonly string[],
  ): Promise<ReadonlySet<string>> {
    const rows = await transaction.query<{ id: string }[]>(
      'SELECT id FROM users WHERE tenant_id = $1 AND id = ANY ($2) AND deleted_at IS NULL',
      [tenantId, ids],
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** Each of the grants on each of the files, which are locked. What a subject has already gets a new giver and a new end. */
  async give(
    transaction: EntityManager,
    { tenantId, userId }: UserPrincipal,
    fileIds: readonly string[],
    grants: readonly NewGrant[],
  ): Promise<GivenGrant[]> {
    // RETURNING reads with the statement's snapshot: it sees what was there before.
    const given = await transaction.query<{ id: string; isNew: boolean }[]>(
      `INSERT INTO file_grants (tenant_id, file_id, user_id, role, permission, granted_by, expires_at)
       SELECT $1, file_id, "userId", role, permission, $2, "expiresAt"
       FROM unnest($3::bigint[]) AS file_id CROSS JOIN jsonb_to_recordset($4::jsonb) AS given (
         "userId" bigint, role text, permission text, "expiresAt" timestamptz)
       ON CONFLICT (tenant_id, file_id, user_id, role, permission)
         DO UPDATE SET granted_by = excluded.granted_by, expires_at = excluded.expires_at
       RETURNING id, NOT EXISTS (SELECT FROM file_grants before WHERE before.id = file_grants.id) AS "isNew"`,
      [tenantId, userId, fileIds, JSON.stringify(grants)],
    );
    const isNew = new Map(given.map((row) => [row.id, row.isNew]));
    const rows = await transaction.query<(GrantDto & { isByRight: boolean })[]>(
      `SELECT ${COLUMNS}, ${GIVEN_BY_RIGHT} AS "isByRight" ${FROM}
       AND g.file_id = ANY ($2) AND g.id = ANY ($3) ORDER BY g.file_id, g.id`,
      [tenantId, fileIds, [...isNew.keys()]],
    );
    return rows.map(({ isByRight, ...grant }) => ({ grant, isNew: isNew.get(grant.id) ?? false, isByRight }));
  }

  /**
   * Makes room by removing what has expired.
   * @returns a file that has more grants than `most` nevertheless
   */
  async fileWithMoreThan(
    transaction: EntityManager,
    tenantId: string,
    fileIds: readonly string[],
    most: number,
  ): Promise<string | undefined> {
    const crowded = await this.crowded(transaction, tenantId, fileIds, most);
    if (crowded.length === 0) return undefined;
    await transaction.query(
      'DELETE FROM file_grants WHERE tenant_id = $1 AND file_id = ANY ($2) AND expires_at <= now()',
      [tenantId, crowded],
    );
    return (await this.crowded(transaction, tenantId, crowded, most))[0];
  }

  /** @returns false when it is not there any more */
  async remove(
    transaction: EntityManager,
    { id, fileId }: Pick<GrantDto, 'id' | 'fileId'>,
    tenantId: string,
  ): Promise<boolean> {
    const [, count] = await transaction.query<[unknown[], number]>(
      'DELETE FROM file_grants WHERE tenant_id = $1 AND file_id = $2 AND id = $3',
      [tenantId, fileId, id],
    );
    return count > 0;
  }

  private async crowded(
    transaction: EntityManager,
    tenantId: string,
    fileIds: readonly string[],
    most: number,
  ): Promise<string[]> {
    const rows = await transaction.query<{ id: string }[]>(
      `SELECT file_id AS id FROM file_grants WHERE tenant_id = $1 AND file_id = ANY ($2)
       GROUP BY file_id HAVING count(*) > $3 ORDER BY file_id`,
      [tenantId, fileIds, most],
    );
    return rows.map(({ id }) => id);
  }
}
