import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The entity tags that stores have given to a blob's object, oldest first: a client that was redirected knows it by one of
 * them (RULES 5.4).
 */
export class StoreTags1763700600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE blobs ADD COLUMN store_tags text[] NOT NULL DEFAULT '{}'`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
