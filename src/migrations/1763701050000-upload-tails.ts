import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Uploads that come byte after byte, to stores that take whole parts only: the name under which the store keeps what has come of the
 * part that is not whole yet.
 */
export class UploadTails1763701050000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE upload_sessions ADD COLUMN tail text');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
