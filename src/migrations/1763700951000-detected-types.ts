import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the first bytes of a content look like; null: like nothing known, or nobody has looked. */
export class DetectedTypes1763700951000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE blobs ADD COLUMN detected_type varchar(255)');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
