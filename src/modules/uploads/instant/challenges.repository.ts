import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { UserPrincipal } from '../../auth/index.js';

/** Challenges of one user in a day: for one hash, and for all (RULES 6.4). Each is a chance to guess, and tells that the content is there. */
const PER_HASH = 3;
const PER_USER = 1_000;

/** Rows of any user that are too old to count, removed with each new one: more go than come. */
const REMOVED_AT_ONCE = 10;

/** Counts who was asked to prove what. */
@Injectable()
export class ChallengesRepository {
  /**
   * In a transaction that excludes others of the same user.
   * @returns whether one more may be issued; then it is counted
   */
  async admit(
    transaction: EntityManager,
    { tenantId, userId }: UserPrincipal,
    sha256: string,
  ): Promise<boolean> {
    await transaction.query(
      `DELETE FROM possession_challenges WHERE id IN (
         SELECT id FROM possession_challenges WHERE issued_at < now() - interval '1 day' ORDER BY issued_at
         LIMIT ${REMOVED_AT_ONCE} FOR UPDATE SKIP LOCKED)`,
    );
    const rows = await transaction.query<unknown[]>(
      `INSERT INTO possession_challenges (tenant_id, user_id, sha256)
       SELECT $1::bigint, $2::bigint, $3::varchar FROM possession_challenges
       WHERE user_id = $2 AND issued_at > now() - interval '1 day'
       HAVING count(*) < $4 AND count(*) FILTER (WHERE sha256 = $3) < $5
       RETURNING id`,
      [tenantId, userId, sha256, PER_USER, PER_HASH],
    );
    return rows.length === 1;
  }
}
