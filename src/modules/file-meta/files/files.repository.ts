import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import { Conditions } from '../../../common/database/index.js';
import { RevokingTransaction } from '../../../common/revocation/index.js';
import type { Principal, UserPrincipal } from '../../auth/index.js';
import type { GrantFacts } from '../access/decide.js';
import { COUNTS, type GrantJson, GRANTS_OF_CALLER, toGrants } from '../access/grants-sql.js';
import type { FileCursor } from './file-cursor.js';
import { File } from './file.entity.js';
import { type FileOrder, orderSql } from './file-order.js';
import { type DeletedFileRow, FILE_COLUMNS, type FileRow, toFoundFile, toStoredFile } from './file-row.js';
import type { DeletedFile, StoredFile } from './stored-file.js';
import type { Visibility } from './visibility.js';

/** A file and the grants that concern one caller. */
export interface FileWithGrants<F extends StoredFile | DeletedFile = StoredFile | DeletedFile> {
  readonly file: F;
  readonly grants: readonly GrantFacts[];
}

export interface FileListing {
  readonly order: FileOrder;
  /** At most this many. */
  readonly limit: number;
  /** Part of the name, without regard to case. */
  readonly filename?: string | undefined;
  /** Only those of others, by grants. */
  readonly sharedWithMe?: boolean | undefined;
  readonly after?: FileCursor | undefined;
}

/** A file in a list, with the key that a cursor behind it has. */
export interface ListedFile {
  readonly file: StoredFile;
  readonly key: string;
}

/** New values of the members that change. */
export interface FileChange {
  readonly filename?: string | undefined;
  readonly contentType?: string | undefined;
  readonly visibility?: Visibility | undefined;
  readonly expiresAt?: Date | null | undefined;
}

/**
 * Also a deleted file, whose content may be gone. Scoped by tenant: a user's own; without a user the file's own, and then only public
 * files (RULES 1.5).
 */
const FIND = `
  SELECT ${FILE_COLUMNS}, ${GRANTS_OF_CALLER} AS grants
  FROM files f
  LEFT JOIN blobs b ON b.tenant_id = f.tenant_id AND b.id = f.blob_id
  JOIN tenants t ON t.id = f.tenant_id AND t.suspended_at IS NULL
  WHERE f.id = $1 AND (f.tenant_id = $2 OR ($2::bigint IS NULL AND f.visibility = 'public'))`;

/**
 * A grant lets the caller read the file. $1 tenant, $2 user, $3 role. What is asked first does not depend on the file, so that
 * PostgreSQL may read the caller's grants once, instead of asking file by file.
 */
const GRANTED = `(
  EXISTS (SELECT FROM file_grants g WHERE g.tenant_id = $1 AND g.file_id = f.id AND (g.user_id = $2 OR g.role = $3))
  AND EXISTS (SELECT FROM file_grants g WHERE g.tenant_id = f.tenant_id AND g.file_id = f.id
              AND (g.user_id = $2 OR g.role = $3) AND ${COUNTS}
              AND (g.permission = 'manage' OR f.expires_at IS NULL OR f.expires_at > now())))`;

/**
 * `decide(…, 'read') = 'allowed'` in SQL, so that a page is cut from what the caller may see. $1 tenant, $2 user, $3 role. A test
 * compares it with `decide` over every combination.
 */
const READABLE = `
  f.tenant_id = $1 AND f.deleted_at IS NULL AND (
    f.owner_id = $2 OR $3 IN ('admin', 'operator')
    OR ${GRANTED}
    OR (f.visibility <> 'private' AND (f.expires_at IS NULL OR f.expires_at > now())))`;

/** `decide(…, 'download') = 'allowed'` in SQL. */
export const DOWNLOADABLE = `${READABLE} AND (f.expires_at IS NULL OR f.expires_at > now())`;

/** The part of it that others have given. */
const SHARED = `f.tenant_id = $1 AND f.deleted_at IS NULL AND f.owner_id <> $2 AND ${GRANTED}`;

type RowWithGrants = (FileRow | DeletedFileRow) & { grants: GrantJson[] | null };

@Injectable()
export class FilesRepository {
  constructor(
    @InjectRepository(File) private readonly files: Repository<File>,
    private readonly revoking: RevokingTransaction,
  ) {}

  /** What there is to decide on whether `caller` may do something with the file; undefined: nothing to see. */
  async findForCaller(id: string, caller: Principal): Promise<FileWithGrants | undefined> {
    const user = caller.kind === 'user' ? caller : undefined;
    const [row] = await this.files.query<RowWithGrants[]>(FIND, [
      id,
      user?.tenantId ?? null,
      user?.userId ?? null,
      user?.role ?? null,
    ]);
    return row && { file: toFoundFile(row), grants: toGrants(row.grants) };
  }

  /** The files that `user` may read, in a stable order: rows that come or go do not move others across pages. */
  async list(
    user: UserPrincipal,
    { order, limit, filename, sharedWithMe, after }: FileListing,
  ): Promise<ListedFile[]> {
    const { key, text, type, direction } = orderSql(order);
    const where = new Conditions(sharedWithMe === true ? SHARED : READABLE, [
      user.tenantId,
      user.userId,
      user.role,
      limit,
    ]);
    where.filter('lower(f.filename) LIKE lower(?)', filename && `%${escapeLike(filename)}%`);
    if (after !== undefined) {
      const than = direction === 'ASC' ? '>' : '<';
      where.and(
        `(${key}, f.id) ${than} (${where.bind(after.key)}::${type}, ${where.bind(after.id)}::bigint)`,
      );
    }
    const rows = await this.files.query<(FileRow & { key: string })[]>(
      `SELECT ${FILE_COLUMNS}, ${text} AS key
       FROM files f JOIN blobs b ON b.tenant_id = f.tenant_id AND b.id = f.blob_id
       WHERE ${where.toString()}
       ORDER BY ${key} ${direction}, f.id ${direction} LIMIT $4`,
      where.values,
    );
    return rows.map((row) => ({ file: toStoredFile(row), key: row.key }));
  }

  /**
   * Changes the file if it is still at `version` (any version when undefined).
   * @returns undefined when it is not, or is deleted
   */
  async update(
    file: StoredFile,
    change: FileChange,
    version: number | undefined,
  ): Promise<StoredFile | undefined> {
    const { filename, contentType, visibility, expiresAt } = change;
    const [rows] = await this.changing<[FileRow[], number]>(
      file,
      `UPDATE files f SET
         filename = coalesce($4, f.filename), content_type = coalesce($5, f.content_type),
         visibility = coalesce($6, f.visibility), expires_at = CASE WHEN $7 THEN $8::timestamptz ELSE f.expires_at END,
         version = f.version + 1, updated_at = now()
       FROM blobs b
       WHERE f.id = $1 AND f.tenant_id = $2 AND f.deleted_at IS NULL AND ($3::integer IS NULL OR f.version = $3)
         AND b.tenant_id = f.tenant_id AND b.id = f.blob_id
       RETURNING ${FILE_COLUMNS}`,
      [
        file.id,
        file.tenantId,
        version ?? null,
        filename ?? null,
        contentType ?? null,
        visibility ?? null,
        expiresAt !== undefined,
        expiresAt ?? null,
      ],
    );
    return rows[0] && toStoredFile(rows[0]);
  }

  /** @returns false when it was deleted already */
  async markDeleted(file: StoredFile): Promise<boolean> {
    const [, count] = await this.changing<[unknown[], number]>(
      file,
      `UPDATE files SET deleted_at = now(), updated_at = now(), version = version + 1
       WHERE id = $1 AND tenant_id = $2 AND deleted_at IS NULL`,
      [file.id, file.tenantId],
    );
    return count > 0;
  }

  /** Every replica knows of the change at its next request. */
  private changing<T>({ id, tenantId }: StoredFile, sql: string, values: unknown[]): Promise<T> {
    return this.revoking.run(async (transaction: EntityManager, announce) => {
      await transaction.query('SELECT FROM files WHERE id = $1 AND tenant_id = $2 FOR UPDATE', [
        id,
        tenantId,
      ]);
      await announce(`file:${id}`);
      return transaction.query<T>(sql, values);
    });
  }
}

/** Takes the pattern signs of LIKE literally. */
function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}
