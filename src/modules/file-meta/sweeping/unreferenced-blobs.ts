import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { objectKey, Volumes } from '../../storage/index.js';
import { BlobTrash } from '../blobs/blob-trash.js';
import { COUNTED_AT_MOST, type SweepStep, type SweepTally } from './sweep-step.js';

/** Seconds from the deletion of a file until it lets go of its content. */
const GRACE = 3_600;
/** Deleted files that one transaction detaches from one blob, and blobs that are looked up at once. */
const FILES_AT_ONCE = 1_000;
const BLOBS_AT_ONCE = 100;

/** Row `f` of `files` is to let go of its content. As the partial index `files_deleted` has it. */
const DETACHABLE = `f.deleted_at < now() - make_interval(secs => ${GRACE}) AND f.blob_id IS NOT NULL`;

interface BlobRow {
  tenant_id: string;
  id: string;
  volume: string;
  storage_path: string;
  size: string;
}

/**
 * Content that no file has any more goes to the trash. Its row is locked first, as those who publish lock it: who comes before
 * adds a file, and the content stays; who comes after finds no content, and brings the bytes that it has stored itself (RULES 6.2).
 */
@Injectable()
export class UnreferencedBlobs implements SweepStep {
  readonly name = 'unreferenced-blobs';

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly volumes: Volumes,
    private readonly trash: BlobTrash,
  ) {}

  async due(): Promise<SweepTally[]> {
    const rows = await this.database.query<{ volume: string; found: string; bytes: string }[]>(
      `WITH let_go AS (
         SELECT DISTINCT tenant_id, blob_id FROM (
           SELECT f.tenant_id, f.blob_id FROM files f WHERE ${DETACHABLE} LIMIT ${COUNTED_AT_MOST}
         ) deleted
       )
       SELECT b.volume, count(*) AS found, sum(b.size) AS bytes
       FROM let_go l JOIN blobs b ON b.tenant_id = l.tenant_id AND b.id = l.blob_id
       WHERE NOT EXISTS (
         SELECT FROM files f WHERE f.tenant_id = b.tenant_id AND f.blob_id = b.id AND NOT coalesce(${DETACHABLE}, false)
       )
       GROUP BY b.volume`,
    );
    return this.volumes.names.map((volume) => {
      const row = rows.find((one) => one.volume === volume);
      return { volume, found: Number(row?.found ?? 0), removed: 0, bytes: Number(row?.bytes ?? 0) };
    });
  }

  async sweep(signal: AbortSignal): Promise<SweepTally[]> {
    const swept = new Map(this.volumes.names.map((volume) => [volume, { found: 0, removed: 0, bytes: 0 }]));
    for await (const { volume, size } of this.released(signal)) {
      const tally = swept.get(volume) ?? { found: 0, removed: 0, bytes: 0 };
      tally.found += 1;
      tally.removed += 1;
      tally.bytes += Number(size);
      swept.set(volume, tally);
    }
    return [...swept].map(([volume, tally]) => ({ volume, ...tally }));
  }

  /** The blobs that have gone to the trash, one by one. */
  private async *released(signal: AbortSignal): AsyncGenerator<BlobRow, void> {
    for (let blobs = await this.page(); blobs.length > 0; blobs = await this.page()) {
      for (const blob of blobs) {
        if (signal.aborted) return;
        const released = await this.release(blob);
        if (released !== undefined) yield released;
      }
    }
  }

  /** Blobs that some deleted file is to let go of, those of the longest deleted first. */
  private page(): Promise<Pick<BlobRow, 'tenant_id' | 'id'>[]> {
    return this.database.query(
      `WITH deleted AS (
         SELECT f.tenant_id, f.blob_id FROM files f WHERE ${DETACHABLE} ORDER BY f.deleted_at LIMIT ${BLOBS_AT_ONCE}
       )
       SELECT DISTINCT tenant_id, blob_id AS id FROM deleted`,
    );
  }

  /**
   * Detaches deleted files from the blob, and lets it go when no file has it any more.
   * @returns the blob that went to the trash
   */
  private release({
    tenant_id: tenantId,
    id,
  }: Pick<BlobRow, 'tenant_id' | 'id'>): Promise<BlobRow | undefined> {
    return this.database.transaction(async (transaction) => {
      const [blob] = await transaction.query<BlobRow[]>(
        'SELECT tenant_id, id, volume, storage_path, size FROM blobs WHERE tenant_id = $1 AND id = $2 FOR UPDATE',
        [tenantId, id],
      );
      if (blob === undefined) return undefined;
      await transaction.query(
        `UPDATE files SET blob_id = NULL WHERE id IN (
           SELECT f.id FROM files f WHERE f.tenant_id = $1 AND f.blob_id = $2 AND ${DETACHABLE} LIMIT ${FILES_AT_ONCE})`,
        [tenantId, id],
      );
      const [file] = await transaction.query<unknown[]>(
        'SELECT id FROM files WHERE tenant_id = $1 AND blob_id = $2 LIMIT 1',
        [tenantId, id],
      );
      if (file !== undefined) return undefined;
      const place = { volume: blob.volume, objectKey: objectKey(blob.storage_path), size: Number(blob.size) };
      await this.trash.put(transaction, tenantId, place, 'unreferenced');
      await transaction.query('DELETE FROM blobs WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
      return blob;
    });
  }
}
