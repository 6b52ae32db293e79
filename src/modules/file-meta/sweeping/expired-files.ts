import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { StorageConfig } from '../../../common/config/config.js';
import { RevokingTransaction, type Subject } from '../../../common/revocation/index.js';
import { COUNTED_AT_MOST, type SweepStep, type SweepTally } from './sweep-step.js';

/** Files of one transaction: Redis is to answer others while their versions are set. */
const BATCH = 100;

/** Row `f` of `files` has expired as long ago as `$1` days; those who manage it have not given it a longer life. */
const OVER = 'f.deleted_at IS NULL AND f.expires_at < now() - make_interval(days => $1)';

/**
 * Deletes files that have expired so long ago that nobody will bring them back: those who manage a file may do so for `BLOB_TRASH_DAYS`.
 * Their content is for the steps behind.
 */
@Injectable()
export class ExpiredFiles implements SweepStep {
  readonly name = 'expired-files';

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly config: StorageConfig,
    private readonly revoking: RevokingTransaction,
  ) {}

  async due(): Promise<SweepTally[]> {
    const [row] = await this.database.query<{ found: string }[]>(
      `WITH over AS (SELECT FROM files f WHERE ${OVER} LIMIT ${COUNTED_AT_MOST}) SELECT count(*) AS found FROM over`,
      [this.config.blobTrashDays],
    );
    return [{ found: Number(row?.found), removed: 0 }];
  }

  async sweep(signal: AbortSignal): Promise<SweepTally[]> {
    let removed = 0;
    while (!signal.aborted) {
      const deleted = await this.deleteSome();
      removed += deleted;
      if (deleted < BATCH) break;
    }
    return [{ found: removed, removed }];
  }

  /** As their owners would: every replica knows of it at its next request. */
  private deleteSome(): Promise<number> {
    return this.revoking.run(async (transaction, announce) => {
      const files = await transaction.query<{ id: string }[]>(
        `SELECT f.id FROM files f WHERE ${OVER} ORDER BY f.expires_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`,
        [this.config.blobTrashDays],
      );
      if (files.length === 0) return 0;
      const ids = files.map(({ id }) => id);
      await announce(...ids.map((id): Subject => `file:${id}`));
      await transaction.query(
        `UPDATE files SET deleted_at = now(), updated_at = now(), version = version + 1 WHERE id = ANY ($1::bigint[])`,
        [ids],
      );
      return ids.length;
    });
  }
}
