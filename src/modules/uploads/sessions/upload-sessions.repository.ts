import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { UploadConfig } from '../../../common/config/config.js';
import type { UserPrincipal } from '../../auth/index.js';
import type { Visibility } from '../../file-meta/index.js';
import { objectKey } from '../../storage/index.js';
import type { Challenge } from '../instant/challenge.js';
import type { Lease } from './upload-leases.js';
import type { UploadProtocol, UploadSession, UploadState } from './upload-session.js';

const COLUMNS = `
  s.id, s.uid, s.tenant_id, s.owner_id, s.protocol, s.filename, s.content_type, s.visibility, s.size, s.sha256, s.chunk_size, s.volume,
  s.storage_path, s.handle, s.received, s.metadata, s.challenge, s.status, s.failure, s.file_id, s.created_at, s.expires_at`;

/** As JSON has it. */
type StoredChallenge = Omit<Challenge, 'expiresAt'> & { readonly expiresAt: string };

interface Row {
  id: string;
  uid: string;
  tenant_id: string;
  owner_id: string;
  protocol: UploadProtocol;
  filename: string;
  content_type: string;
  visibility: Visibility;
  size: string;
  sha256: string | null;
  chunk_size: number;
  volume: string;
  storage_path: string;
  handle: string | null;
  received: string;
  metadata: string | null;
  challenge: StoredChallenge | null;
  status: UploadState;
  failure: string | null;
  file_id: string | null;
  created_at: Date;
  expires_at: Date;
}

/** What a client chooses of a session, and what was chosen for it. */
export type NewUploadSession = Pick<
  UploadSession,
  | 'tenantId'
  | 'ownerId'
  | 'protocol'
  | 'filename'
  | 'contentType'
  | 'visibility'
  | 'size'
  | 'sha256'
  | 'chunkSize'
  | 'volume'
  | 'objectKey'
  | 'metadata'
  | 'expiresAt'
>;

/** A part that is there for good. */
export interface ReceivedPart {
  readonly index: number;
  /** What the store wants to hear of it at the end. */
  readonly tag: string;
}

/** A part that may be sent again. */
export interface ReceivedChunk extends ReceivedPart {
  readonly fingerprint: Buffer;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Seconds from the creation after which a session ends in any case: stores forget unfinished uploads after as long. */
const LONGEST_LIFE = 7 * 86_400;

/** When a session that has just been used expires, in SQL; its row is `s`, `$TTL` the seconds. */
export const NEXT_EXPIRY = (ttl: string): string =>
  `least(now() + make_interval(secs => ${ttl}), s.created_at + make_interval(secs => ${LONGEST_LIFE}))`;

@Injectable()
export class UploadSessionsRepository {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly config: UploadConfig,
  ) {}

  /**
   * @param challenge what the client may prove instead of sending its bytes
   * @param fileId the file that it is already
   */
  async insert(
    transaction: EntityManager,
    session: NewUploadSession,
    { challenge, fileId }: { challenge?: Challenge | undefined; fileId?: string } = {},
  ): Promise<UploadSession> {
    const [row] = await transaction.query<Row[]>(
      `INSERT INTO upload_sessions AS s (tenant_id, owner_id, protocol, filename, content_type, visibility, size, sha256, chunk_size,
                                         volume, storage_path, metadata, expires_at, challenge, file_id, status)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::bigint,
               CASE WHEN $15::bigint IS NULL THEN 'uploading' ELSE 'completed' END) RETURNING ${COLUMNS}`,
      [
        session.tenantId,
        session.ownerId,
        session.protocol,
        session.filename,
        session.contentType,
        session.visibility,
        session.size,
        session.sha256,
        session.chunkSize,
        session.volume,
        session.objectKey,
        session.metadata,
        session.expiresAt,
        challenge ?? null,
        fileId ?? null,
      ],
    );
    if (row === undefined) throw new Error('INSERT … RETURNING gave no row');
    return toSession(row);
  }

  async setHandle({ id }: UploadSession, handle: string): Promise<void> {
    await this.database.query('UPDATE upload_sessions SET handle = $2 WHERE id = $1', [id, handle]);
  }

  /** Of this user only. Undefined also for what is no id at all. */
  async find(uid: string, { tenantId, userId }: UserPrincipal): Promise<UploadSession | undefined> {
    if (!UUID.test(uid)) return undefined;
    const [row] = await this.database.query<Row[]>(
      `SELECT ${COLUMNS} FROM upload_sessions s WHERE s.uid = $1 AND s.tenant_id = $2 AND s.owner_id = $3`,
      [uid, tenantId, userId],
    );
    return row && toSession(row);
  }

  /** Once: whoever comes next finds none. */
  async takeChallenge({ id }: UploadSession): Promise<Challenge | undefined> {
    const [[row]] = await this.database.query<[{ challenge: StoredChallenge | null }[], number]>(
      `UPDATE upload_sessions s SET challenge = NULL FROM (SELECT id, challenge FROM upload_sessions WHERE id = $1 FOR UPDATE) o
       WHERE s.id = o.id AND s.status = 'uploading' RETURNING o.challenge`,
      [id],
    );
    return row?.challenge ? toChallenge(row.challenge) : undefined;
  }

  async receivedIndexes({ id }: UploadSession): Promise<number[]> {
    const rows = await this.database.query<{ index: number }[]>(
      'SELECT index FROM upload_chunks WHERE upload_id = $1 ORDER BY index',
      [id],
    );
    return rows.map(({ index }) => index);
  }

  async chunk({ id }: UploadSession, index: number): Promise<ReceivedChunk | undefined> {
    const [row] = await this.database.query<ReceivedChunk[]>(
      'SELECT index, tag, fingerprint FROM upload_chunks WHERE upload_id = $1 AND index = $2',
      [id, index],
    );
    return row;
  }

  /** In order. */
  async tags({ id }: UploadSession): Promise<string[]> {
    const rows = await this.database.query<{ tag: string }[]>(
      'SELECT tag FROM upload_chunks WHERE upload_id = $1 ORDER BY index',
      [id],
    );
    return rows.map(({ tag }) => tag);
  }

  /** The first chunk from `index` on that is missing, or is not with the others (it has a tag), when all before are there. */
  async firstMissing({ id }: UploadSession, index: number): Promise<number> {
    const [row] = await this.database.query<{ missing: number | null }[]>(
      `SELECT min(c.index) + 1 AS missing FROM upload_chunks c WHERE c.upload_id = $1 AND c.index >= $2 AND c.tag = ''
         AND NOT EXISTS (SELECT FROM upload_chunks n WHERE n.upload_id = c.upload_id AND n.index = c.index + 1 AND n.tag = '')`,
      [id, Math.max(0, index - 1)],
    );
    return row?.missing ?? index;
  }

  /**
   * A chunk is there for good; the session lives on. Ends the lease.
   * @returns false when the lease, the session or its object is no longer there: then it counts for nothing, and is never completed
   */
  async acknowledge(
    { id }: UploadSession,
    lease: Lease,
    { index, tag, fingerprint }: ReceivedChunk,
  ): Promise<boolean> {
    const rows = await this.database.query<unknown[]>(
      `WITH lease AS (
         DELETE FROM upload_leases WHERE holder = $2 RETURNING upload_id
       ), session AS (
         UPDATE upload_sessions s SET expires_at = ${NEXT_EXPIRY('$6')}
         FROM lease WHERE s.id = lease.upload_id AND s.status = 'uploading' RETURNING s.expires_at, s.volume, s.storage_path
       ), object AS (
         UPDATE pending_objects o SET kept_until = s.expires_at, seen_at = now() FROM session s
         WHERE o.volume = s.volume AND o.storage_path = s.storage_path AND o.removing_at IS NULL RETURNING 1
       )
       INSERT INTO upload_chunks (upload_id, index, tag, fingerprint) SELECT $1, $3, $4, $5 FROM object RETURNING index`,
      [id, lease.holder, index, tag, fingerprint, this.config.sessionTtl],
    );
    return rows.length === 1;
  }

  /**
   * From now on, and for as long as a session lives, its bytes are looked at.
   * @returns false when it has ended, or a sweep is removing its object
   */
  async beginVerifying({ id }: UploadSession): Promise<boolean> {
    const [, count] = await this.database.query<[unknown[], number]>(
      `WITH session AS (
         UPDATE upload_sessions s SET status = 'verifying', expires_at = ${NEXT_EXPIRY('$2')}
         WHERE s.id = $1 AND s.status IN ('uploading', 'verifying') RETURNING s.expires_at, s.volume, s.storage_path
       )
       UPDATE pending_objects o SET kept_until = s.expires_at, seen_at = now() FROM session s
       WHERE o.volume = s.volume AND o.storage_path = s.storage_path AND o.removing_at IS NULL`,
      [id, this.config.sessionTtl],
    );
    return count === 1;
  }

  /** Before the accounts of the storage, which its end changes: the order of all who lock both. */
  async lock(transaction: EntityManager, { id }: UploadSession): Promise<void> {
    await transaction.query('SELECT FROM upload_sessions WHERE id = $1 FOR NO KEY UPDATE', [id]);
  }

  /**
   * Within the transaction that publishes the file.
   * @returns false when somebody else has the session now, or it is gone
   */
  async finish(
    transaction: EntityManager,
    { id }: UploadSession,
    lease: Lease,
    fileId: string,
  ): Promise<boolean> {
    const [, count] = await transaction.query<[unknown[], number]>(
      `WITH lease AS (DELETE FROM upload_leases WHERE holder = $2 RETURNING upload_id)
       UPDATE upload_sessions s SET status = 'completed', file_id = $3 FROM lease
       WHERE s.id = $1 AND s.id = lease.upload_id AND s.status IN ('uploading', 'verifying')`,
      [id, lease.holder, fileId],
    );
    return count === 1;
  }

  async fail({ id }: UploadSession, failure: string): Promise<void> {
    await this.database.query(
      `UPDATE upload_sessions SET status = 'failed', failure = $2 WHERE id = $1 AND status IN ('uploading', 'verifying')`,
      [id, failure],
    );
  }

  async remove({ id }: UploadSession): Promise<void> {
    await this.database.query('DELETE FROM upload_sessions WHERE id = $1', [id]);
  }
}

function toChallenge(stored: StoredChallenge): Challenge {
  return { ...stored, expiresAt: new Date(stored.expiresAt) };
}

function toSession(row: Row): UploadSession {
  return {
    id: row.id,
    uid: row.uid,
    tenantId: row.tenant_id,
    ownerId: row.owner_id,
    protocol: row.protocol,
    filename: row.filename,
    contentType: row.content_type,
    visibility: row.visibility,
    size: Number(row.size),
    sha256: row.sha256,
    chunkSize: row.chunk_size,
    volume: row.volume,
    objectKey: objectKey(row.storage_path),
    handle: row.handle,
    received: Number(row.received),
    metadata: row.metadata,
    challenge: row.challenge && toChallenge(row.challenge),
    status: row.status,
    failure: row.failure,
    fileId: row.file_id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}
