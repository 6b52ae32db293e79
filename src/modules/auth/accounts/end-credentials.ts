import type { EntityManager } from 'typeorm';

/**
 * Everything that a user has logged in or minted with ends: sessions, API keys and download tokens (RULES 10.4). The user's row is
 * locked.
 */
export async function endCredentials(transaction: EntityManager, userId: string): Promise<void> {
  await transaction.query(
    'UPDATE users SET auth_epoch = auth_epoch + 1, token_epoch = token_epoch + 1 WHERE id = $1',
    [userId],
  );
  await transaction.query(
    'UPDATE api_keys SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL',
    [userId],
  );
}
