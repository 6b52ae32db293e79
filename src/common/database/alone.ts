import type { DataSource } from 'typeorm';
import type pg from 'pg';

/**
 * Does `work` unless another process of the installation is at it, under an advisory lock of PostgreSQL. The lock belongs to a
 * connection of its own and ends with it; then `lost` is aborted, and another process may begin: so two at once must do no harm.
 * @param lock any number, the same in every release
 * @returns undefined when another is at it
 * @throws what `work` throws, or what the database fails with before
 */
export async function alone<T>(
  database: DataSource,
  lock: number,
  work: (lost: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const runner = database.createQueryRunner();
  const lost = new AbortController();
  const lose = (): void => {
    lost.abort(new DOMException('the lock went with its connection', 'AbortError'));
  };
  try {
    const connection = (await runner.connect()) as pg.Client;
    connection.once('end', lose);
    try {
      const [row] = (await runner.query('SELECT pg_try_advisory_lock($1) AS locked', [lock])) as {
        locked: boolean;
      }[];
      if (row?.locked !== true) return undefined;
      try {
        return await work(lost.signal);
      } finally {
        // A connection that does not answer any more is closed, and the lock goes with it.
        await runner.query('SELECT pg_advisory_unlock($1)', [lock]).catch(() => undefined);
      }
    } finally {
      connection.off('end', lose);
    }
  } finally {
    await runner.release();
  }
}
