import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { alone } from '../../../common/database/index.js';
import { objectKey } from '../../storage/index.js';
import type { PlacedBlob } from './blob-mover.js';

/** Which blobs. */
export interface Placement {
  readonly volume: string;
  /** Of this tenant only. */
  readonly tenantId?: string | undefined;
  /** At most this many. */
  readonly limit?: number | undefined;
}

/** Any number, the same in every release: it names the lock under which blobs are moved. */
const MOVE_LOCK = 7_301_944_262;

const PAGE = 200;

interface Row {
  id: string;
  tenant_id: string;
  sha256: string;
  size: string;
  volume: string;
  storage_path: string;
}

/** The blobs of a volume, in the order of their paths. */
@Injectable()
export class PlacedBlobs {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /**
   * Does `work` unless another process is at it: two would do everything twice. Should the lock be lost with its connection, no harm is
   * done, since a blob is switched only from where it is.
   * @returns undefined when another is at it
   */
  alone<T>(work: () => Promise<T>): Promise<T | undefined> {
    return alone(this.database, MOVE_LOCK, work);
  }

  /** @returns the id */
  async tenantOf(slug: string): Promise<string | undefined> {
    const [row] = await this.database.query<{ id: string }[]>('SELECT id FROM tenants WHERE slug = $1', [
      slug,
    ]);
    return row?.id;
  }

  /** How many there are, and their bytes. */
  async count({ volume, tenantId, limit }: Placement): Promise<{ blobs: number; bytes: number }> {
    // All rows are read for it. What begins with SELECT would have to answer within less than a second.
    const [row] = await this.database.query<{ blobs: string; bytes: string }[]>(
      `WITH chosen AS (
         SELECT size FROM blobs WHERE volume = $1 AND ($2::bigint IS NULL OR tenant_id = $2)
         ${limit === undefined ? '' : 'ORDER BY storage_path'} LIMIT $3
       )
       SELECT count(*) AS blobs, coalesce(sum(size), 0) AS bytes FROM chosen`,
      [volume, tenantId ?? null, limit ?? null],
    );
    return { blobs: Number(row?.blobs), bytes: Number(row?.bytes) };
  }

  /** Those that are there when their page is read. */
  async *list({ volume, tenantId, limit = Infinity }: Placement): AsyncGenerator<PlacedBlob, void> {
    let after = '';
    for (let left = limit; left > 0; left -= PAGE) {
      const rows = await this.database.query<Row[]>(
        `SELECT id, tenant_id, sha256, size, volume, storage_path FROM blobs
         WHERE volume = $1 AND ($2::bigint IS NULL OR tenant_id = $2) AND storage_path > $3
         ORDER BY storage_path LIMIT $4`,
        [volume, tenantId ?? null, after, Math.min(left, PAGE)],
      );
      for (const row of rows) yield toBlob(row);
      if (rows.length < PAGE) return;
      after = rows.at(-1)?.storage_path ?? '';
    }
  }
}

function toBlob(row: Row): PlacedBlob {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    sha256: row.sha256,
    size: Number(row.size),
    volume: row.volume,
    objectKey: objectKey(row.storage_path),
  };
}
