import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { type Actor, AuditTrail, type UserPrincipal } from '../../auth/index.js';
import { downloadNotFound } from '../downloads.problems.js';
import { type Ending, type RecordedDownload, RedisDownloadEndings } from './redis-download-endings.js';

/** Ends what is being downloaded. Rights are taken back by other means: who still may can begin again. */
@Injectable()
export class EndDownload {
  constructor(
    private readonly endings: RedisDownloadEndings,
    private readonly audit: AuditTrail,
    @InjectDataSource() private readonly database: DataSource,
  ) {}

  /**
   * Again and again is allowed: it then says what still runs.
   * @throws Problem `download-not-found` (404), `dependency-unavailable` (503)
   */
  async end(id: string, actor: Actor): Promise<Ending> {
    const download = await this.endings.find(id);
    if (download === undefined || !mayEnd(actor.user, download)) throw downloadNotFound();
    const { tenantId, fileId } = download;
    return this.database.transaction(async (transaction) => {
      // Before anything is cut: while the audit cannot be written, nothing ends.
      await this.audit.record(transaction, {
        ...actor,
        action: 'download.end',
        outcome: 'ok',
        tenantId,
        object: { kind: 'download', id },
        detail: { fileId },
      });
      const ending = await this.endings.end(id);
      if (ending === undefined) throw downloadNotFound();
      return ending;
    });
  }
}

function mayEnd({ role, tenantId }: UserPrincipal, download: RecordedDownload): boolean {
  return role === 'operator' || tenantId === download.tenantId;
}
