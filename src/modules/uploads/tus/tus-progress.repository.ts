import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { UploadConfig } from '../../../common/config/config.js';
import type { Lease } from '../sessions/upload-leases.js';
import type { UploadSession } from '../sessions/upload-session.js';
import { NEXT_EXPIRY, type ReceivedPart } from '../sessions/upload-sessions.repository.js';

/** How far an upload has come. */
export interface Progress {
  /** Bytes from the beginning that are there for good. */
  readonly received: number;
  /** Name of the tail that holds those after the last whole part, on a store that takes whole parts only. */
  readonly tail: string | null;
}

/** Further, and the parts that have become whole on the way. */
export interface Advance extends Progress {
  readonly parts: readonly ReceivedPart[];
}

@Injectable()
export class TusProgress {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly config: UploadConfig,
  ) {}

  /** Undefined when it has failed, or is gone. */
  async of({ id }: UploadSession): Promise<Progress | undefined> {
    const [row] = await this.database.query<{ received: string; tail: string | null }[]>(
      `SELECT received, tail FROM upload_sessions WHERE id = $1 AND status <> 'failed'`,
      [id],
    );
    return row && { received: Number(row.received), tail: row.tail };
  }

  /**
   * The session lives on.
   * @returns false when the lease, the session or its object is no longer there: then it counts for nothing, and is never completed
   */
  async advance(
    { id }: UploadSession,
    lease: Lease,
    from: Progress,
    { received, tail, parts }: Advance,
  ): Promise<boolean> {
    const rows = await this.database.query<unknown[]>(
      `WITH lease AS (
         UPDATE upload_leases SET seen_at = now() WHERE upload_id = $1 AND holder = $2 RETURNING upload_id
       ), session AS (
         UPDATE upload_sessions s SET received = $4, tail = $5, expires_at = ${NEXT_EXPIRY('$6')}
         FROM lease WHERE s.id = lease.upload_id AND s.status = 'uploading' AND s.received = $3
         RETURNING s.expires_at, s.volume, s.storage_path
       ), object AS (
         UPDATE pending_objects o SET kept_until = s.expires_at, seen_at = now() FROM session s
         WHERE o.volume = s.volume AND o.storage_path = s.storage_path AND o.removing_at IS NULL RETURNING 1
       ), chunks AS (
         INSERT INTO upload_chunks (upload_id, index, tag)
         SELECT $1, p.* FROM session, unnest($7::integer[], $8::text[]) p
       )
       SELECT FROM object`,
      [
        id,
        lease.holder,
        from.received,
        received,
        tail,
        this.config.sessionTtl,
        parts.map(({ index }) => index),
        parts.map(({ tag }) => tag),
      ],
    );
    return rows.length === 1;
  }
}
