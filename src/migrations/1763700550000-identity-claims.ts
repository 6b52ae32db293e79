import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whose word on a user's role is the newest: a token that was issued before it changes nothing. */
export class IdentityClaims1763700550000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE user_identities ADD COLUMN claims_at timestamptz NOT NULL DEFAULT now()');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
