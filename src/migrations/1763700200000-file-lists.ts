import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Indexes for the keyset lists of files, in each order, and for the search in names. */
export class FileLists1763700200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'CREATE INDEX files_by_age ON files (tenant_id, created_at, id) WHERE deleted_at IS NULL',
    );
    await runner.query(
      'CREATE INDEX files_by_name ON files (tenant_id, filename COLLATE "C", id) WHERE deleted_at IS NULL',
    );
    // Trusted since PostgreSQL 13: the owner of the database may create it.
    await runner.query('CREATE EXTENSION IF NOT EXISTS pg_trgm');
    await runner.query('CREATE INDEX files_name_search ON files USING gin (lower(filename) gin_trgm_ops)');
    await runner.query(
      'CREATE INDEX file_grants_user ON file_grants (tenant_id, user_id) WHERE user_id IS NOT NULL',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
