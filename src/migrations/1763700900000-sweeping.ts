import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A deleted file lets go of its content, so that the content can go when no file has it. The indexes hold only what the sweep is
 * looking for: whatever the number of files, a sweep that has nothing to do reads nothing.
 */
export class Sweeping1763700900000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE files
        ALTER COLUMN blob_id DROP NOT NULL,
        ADD CONSTRAINT files_have_content CHECK (blob_id IS NOT NULL OR deleted_at IS NOT NULL)`);
    await runner.query(
      'CREATE INDEX files_deleted ON files (deleted_at) WHERE deleted_at IS NOT NULL AND blob_id IS NOT NULL',
    );
    await runner.query(
      'CREATE INDEX files_expiry ON files (expires_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL',
    );
    // Bytes; null for what came into the trash before.
    await runner.query('ALTER TABLE blob_trash ADD COLUMN size bigint CHECK (size >= 0)');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
