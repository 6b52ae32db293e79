import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Objects that no blob has any more, until their bytes are removed: downloads that have begun, presigned URLs and backups still
 * know them (RULES 6.2). An object is pending, or of a blob, or here.
 */
export class BlobTrash1763700700000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE blob_trash (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        uid uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
        tenant_id bigint NOT NULL REFERENCES tenants (id),
        volume varchar(32) NOT NULL,
        storage_path varchar(128) NOT NULL,
        reason varchar(16) NOT NULL CHECK (reason IN ('moved', 'unreferenced')),
        trashed_at timestamptz NOT NULL DEFAULT now(),
        removing_at timestamptz,
        UNIQUE (volume, storage_path)
      )`);
    await runner.query('CREATE INDEX blob_trash_since ON blob_trash (trashed_at)');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
