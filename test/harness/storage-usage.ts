import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Answer } from './http.js';
import type { Seed } from './seed.js';

interface UsageRow extends Record<string, unknown> {
  readonly tenant_id: string;
  readonly owner_id: string | null;
  readonly used: string;
  readonly reserved: string;
  readonly sessions: number;
}

/** Anew from the files and the sessions; those who have nothing are left out. */
const COUNTED = `
  SELECT tenant_id, owner_id, sum(used)::bigint AS used, sum(reserved)::bigint AS reserved, sum(sessions)::integer AS sessions
  FROM (
    SELECT f.tenant_id, f.owner_id, b.size AS used, 0 AS reserved, 0 AS sessions
    FROM files f JOIN blobs b ON b.id = f.blob_id WHERE f.deleted_at IS NULL
    UNION ALL
    SELECT tenant_id, owner_id, 0, size, 1 FROM upload_sessions WHERE status IN ('uploading', 'verifying')
  ) counted
  GROUP BY GROUPING SETS ((tenant_id), (tenant_id, owner_id))
  HAVING sum(used) > 0 OR sum(reserved) > 0 OR sum(sessions) > 0`;

const KEPT = `
  SELECT tenant_id, owner_id, used_bytes AS used, reserved_bytes AS reserved, open_sessions AS sessions
  FROM storage_usage WHERE used_bytes <> 0 OR reserved_bytes <> 0 OR open_sessions <> 0`;

/**
 * What is kept of the usage is what the tables say, for everybody of the tenants.
 * @returns how many rows that are
 */
export async function expectUsageIsRight(
  seed: Pick<Seed, 'query'>,
  tenantIds: readonly string[],
): Promise<number> {
  // One statement, so that both see the same moment.
  const rows = await seed.query<UsageRow & { from: string }>(
    `SELECT * FROM (SELECT 'counted' AS from, * FROM (${COUNTED}) c UNION ALL SELECT 'kept', * FROM (${KEPT}) k) both_of_them
     WHERE tenant_id = ANY ($1) ORDER BY tenant_id, owner_id NULLS FIRST`,
    [tenantIds],
  );
  const of = (source: string): UsageRow[] =>
    rows.filter(({ from }) => from === source).map(({ from: _, ...row }) => row);
  expect(of('kept')).toEqual(of('counted'));
  return of('kept').length;
}

/** Sends it again while the service is too busy for it, as `Retry-After` says: many at once may not find a connection on a busy machine. */
export async function untilServed(request: () => Promise<Answer>): Promise<Answer> {
  let answer = await request();
  for (let round = 0; round < 30 && answer.status === 503; round += 1) {
    await sleep(500);
    answer = await request();
  }
  return answer;
}
