import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Objects that are being written and no blob has yet. A row is made before the first byte and goes in the transaction that
 * publishes; what a crash leaves behind is found here, on every kind of volume, without listing any.
 */
export class PendingObjects1763700300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE pending_objects (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        uid uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
        tenant_id bigint NOT NULL REFERENCES tenants (id),
        volume varchar(32) NOT NULL,
        storage_path varchar(128) NOT NULL,
        seen_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (volume, storage_path)
      )`);
    await runner.query('CREATE INDEX pending_objects_seen ON pending_objects (seen_at)');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
