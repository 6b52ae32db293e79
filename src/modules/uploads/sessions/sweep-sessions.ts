import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { COUNTED_AT_MOST, type SweepStep, SweepSteps, type SweepTally } from '../../file-meta/index.js';
import { LAPSE } from './upload-leases.js';

/** Seconds from the end of a session until it is forgotten: meanwhile its owner is told that it has expired. */
const GRACE = 3_600;
/** Sessions that one statement deletes, each with up to 10,000 chunks. */
const BATCH = 10;

/** Somebody is at work on session `s`. */
const BUSY = `
  EXISTS (SELECT FROM upload_leases l WHERE l.upload_id = s.id AND l.seen_at > now() - make_interval(secs => ${LAPSE / 1_000}))`;

const OVER = `s.expires_at < now() - make_interval(secs => ${GRACE}) AND NOT ${BUSY}`;

/** Forgets upload sessions that are over. A file that one became stays; what it has stored otherwise is for the sweep of pending objects. */
@Injectable()
export class SweepSessions implements SweepStep, OnModuleInit {
  readonly name = 'upload-sessions';

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly steps: SweepSteps,
  ) {}

  onModuleInit(): void {
    this.steps.add(this);
  }

  async due(): Promise<SweepTally[]> {
    const [row] = await this.database.query<{ found: string }[]>(
      `WITH over AS (SELECT FROM upload_sessions s WHERE ${OVER} LIMIT ${COUNTED_AT_MOST})
       SELECT count(*) AS found FROM over`,
    );
    return [{ found: Number(row?.found), removed: 0 }];
  }

  async sweep(signal: AbortSignal): Promise<SweepTally[]> {
    await this.keepBusy();
    let removed = 0;
    while (!signal.aborted) {
      const [, deleted] = await this.database.query<[unknown[], number]>(
        `WITH over AS MATERIALIZED (
           SELECT s.id FROM upload_sessions s WHERE ${OVER} ORDER BY s.expires_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
         )
         DELETE FROM upload_sessions s USING over WHERE s.id = over.id`,
      );
      removed += deleted;
      if (deleted < BATCH) break;
    }
    return [{ found: removed, removed }];
  }

  /** Who holds a lease writes the object: a slow chunk may take longer than its session had left. */
  private async keepBusy(): Promise<void> {
    await this.database.query(
      `UPDATE pending_objects o SET seen_at = now() FROM upload_sessions s
       WHERE o.volume = s.volume AND o.storage_path = s.storage_path AND o.removing_at IS NULL
         AND s.id IN (
           SELECT upload_id FROM upload_leases WHERE seen_at > now() - make_interval(secs => ${LAPSE / 1_000}))`,
    );
  }
}
