import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Indexes for the files that are shared with somebody: by its grants, and by those of its role. */
export class GrantLists1763700750000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'CREATE INDEX file_grants_role ON file_grants (tenant_id, role) WHERE role IS NOT NULL',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
