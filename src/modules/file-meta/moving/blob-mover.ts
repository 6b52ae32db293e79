import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { type Announce, RevokingTransaction, type Subject } from '../../../common/revocation/index.js';
import {
  isContentMissing,
  type ObjectKey,
  ObjectNotFound,
  openWhole,
  verifyObject,
  Volumes,
} from '../../storage/index.js';
import { BlobTrash } from '../blobs/blob-trash.js';
import { BlobWriter, type StoredContent } from '../blobs/blob-writer.js';
import { PendingObjects } from '../blobs/pending-objects.js';

/** A blob and where its object is. */
export interface PlacedBlob {
  readonly id: string;
  readonly tenantId: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly volume: string;
  readonly objectKey: ObjectKey;
}

/** Why a blob stays where it is: its object is not what it must be, or the copy of it was not. */
export type MoveFault = 'missing' | 'size-differs' | 'hash-differs' | 'unreadable' | 'copy-differs';

/** `gone`: meanwhile it has another place, or is no more. */
export type MoveOutcome = 'moved' | 'gone' | MoveFault;

class Faulty extends Error {
  constructor(readonly fault: MoveFault) {
    super(fault);
  }
}

/** Files whose versions are set in one go: Redis is to answer others meanwhile. */
const ANNOUNCED_AT_ONCE = 500;

/**
 * Moves one blob to another volume while it is being downloaded: copies and verifies, then switches its row in one transaction. The
 * old object stays in the trash for those who know of it. Killed at any point, the blob is at one place or the other, whole.
 */
@Injectable()
export class BlobMover {
  constructor(
    private readonly volumes: Volumes,
    private readonly writer: BlobWriter,
    private readonly pending: PendingObjects,
    private readonly trash: BlobTrash,
    private readonly revoking: RevokingTransaction,
  ) {}

  /** @throws what a store or the database fails with; AbortError. Then the blob stays where it is, as after a fault */
  async move(blob: PlacedBlob, to: string, signal: AbortSignal): Promise<MoveOutcome> {
    try {
      const copy = await this.copy(blob, to, signal);
      const stop = this.pending.keepAlive(copy);
      try {
        await this.verify(blob, copy, signal);
        if (await this.switch(blob, copy)) return 'moved';
        await this.pending.discard(copy);
        return 'gone';
      } catch (error) {
        // Does nothing when the switch was committed after all, and only its answer was lost.
        await this.pending.discard(copy);
        throw error;
      } finally {
        stop();
      }
    } catch (error) {
      if (error instanceof Faulty) return error.fault;
      throw error;
    }
  }

  private async copy(blob: PlacedBlob, to: string, signal: AbortSignal): Promise<StoredContent> {
    const { store } = this.volumes.get(blob.volume);
    let broken: unknown;
    try {
      if ((await store.size(blob.objectKey)) !== blob.size) throw new Faulty('size-differs');
      const source = await openWhole(store, blob.objectKey, blob.size, signal);
      source.once('error', (error: unknown) => {
        broken = error;
      });
      return await this.writer.write(blob.tenantId, to, source, signal);
    } catch (error) {
      if (error instanceof ObjectNotFound) throw new Faulty('missing');
      if (isContentMissing(error)) throw new Faulty('size-differs');
      if (broken !== undefined && !signal.aborted) throw new Faulty('unreadable');
      throw error;
    }
  }

  /** What was read must be the content, and what was written must be what was read: by a read of our own (RULES 6.1). */
  private async verify(blob: PlacedBlob, copy: StoredContent, signal: AbortSignal): Promise<void> {
    if (copy.sha256 !== blob.sha256) throw new Faulty('hash-differs');
    const { store } = this.volumes.get(copy.volume);
    const { verdict } = await verifyObject(store, copy.objectKey, blob, signal);
    if (verdict !== 'intact') throw new Faulty('copy-differs');
  }

  /** @returns false when the blob is no longer where it was */
  private switch(blob: PlacedBlob, copy: StoredContent): Promise<boolean> {
    return this.revoking.run(async (transaction, announce) => {
      const [row] = await transaction.query<unknown[]>(
        `SELECT id FROM blobs WHERE tenant_id = $1 AND id = $2 AND volume = $3 AND storage_path = $4 FOR UPDATE`,
        [blob.tenantId, blob.id, blob.volume, blob.objectKey],
      );
      if (row === undefined) return false;
      await announceFiles(transaction, announce, blob);
      // Tags of stores stay: clients that were redirected know the content by them (RULES 5.4).
      await transaction.query(
        `UPDATE blobs SET volume = $3, storage_path = $4,
           store_tags = CASE WHEN $5::text IS NULL OR $5 = ANY (store_tags) THEN store_tags ELSE store_tags || $5::text END
         WHERE tenant_id = $1 AND id = $2`,
        [blob.tenantId, blob.id, copy.volume, copy.objectKey, copy.storeTag ?? null],
      );
      await this.pending.adopt(transaction, copy);
      await this.trash.put(transaction, blob.tenantId, blob, 'moved');
      return true;
    });
  }
}

/** The next request for any file with this content reads where it is now. No file joins meanwhile: the blob's row is locked. */
async function announceFiles(
  transaction: EntityManager,
  announce: Announce,
  { tenantId, id }: PlacedBlob,
): Promise<void> {
  const files = await transaction.query<{ id: string }[]>(
    'SELECT id FROM files WHERE tenant_id = $1 AND blob_id = $2 AND deleted_at IS NULL ORDER BY id FOR UPDATE',
    [tenantId, id],
  );
  const subjects = files.map((file): Subject => `file:${file.id}`);
  for (let at = 0; at < subjects.length; at += ANNOUNCED_AT_ONCE)
    await announce(...subjects.slice(at, at + ANNOUNCED_AT_ONCE));
}
