import { expect } from 'vitest';
import type { Api } from './api.js';
import type { Seed } from './seed.js';
import { until } from './until.js';

/** As if two days had passed in which nobody went on with any upload, and then a sweep. @param operator asks for it */
export async function expireUploads(operator: Api, seed: Seed): Promise<void> {
  await seed.query(`UPDATE upload_sessions SET expires_at = now() - interval '2 days'`);
  await seed.query(
    `UPDATE pending_objects SET seen_at = now() - interval '2 days', kept_until = now() - interval '1 day',
       removing_at = removing_at - interval '1 day'`,
  );
  // A replica that has just started may be at it.
  const { status, text } = await until(
    () => operator.post('/api/v1/storage/sweep', {}),
    ({ status }) => status === 200,
    30_000,
  );
  expect(status, text).toBe(200);
}
