import type { EntityManager } from 'typeorm';

/** What ends one by one; its subject is its id. */
export type RevokedKind = 'session' | 'token';

/**
 * Keeps in PostgreSQL that something has ended, until nothing of it could come back: what is in Redis alone may return with a Redis
 * that is restored from a copy (RULES 3.3). What is over is removed on the way, so the table stays as long as what can be revoked; an
 * hour later than it says, since the clocks of the two servers may differ.
 * @param expiresAt when Redis would have forgotten it
 */
export async function keepRevocation(
  transaction: EntityManager,
  { kind, subject, expiresAt }: { kind: RevokedKind; subject: string; expiresAt: Date },
): Promise<void> {
  await transaction.query(
    `DELETE FROM revocations WHERE id IN (
       SELECT id FROM revocations WHERE expires_at < now() - interval '1 hour' LIMIT 1000 FOR UPDATE SKIP LOCKED)`,
  );
  await transaction.query(
    `INSERT INTO revocations (kind, subject, expires_at) VALUES ($1, $2, $3)
     ON CONFLICT (kind, subject) DO NOTHING`,
    [kind, subject, expiresAt],
  );
}
