import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * When somebody began to remove a pending object. From then on nothing publishes it, so that its bytes can be removed outside of
 * a transaction: a store may take seconds, which a lock and a connection should not.
 */
export class RemovedObjects1763700650000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE pending_objects ADD COLUMN removing_at timestamptz');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
