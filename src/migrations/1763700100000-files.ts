import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Blobs, files and grants. Foreign keys carry the tenant, so that no row can point into another tenant, whatever a
 * query forgets.
 */
export class Files1763700100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE blobs (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        uid uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
        tenant_id bigint NOT NULL REFERENCES tenants (id),
        sha256 char(64) NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
        crc32 bigint NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295),
        size bigint NOT NULL CHECK (size >= 0),
        volume varchar(32) NOT NULL,
        storage_path varchar(128) NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (tenant_id, sha256),
        UNIQUE (tenant_id, id),
        UNIQUE (volume, storage_path)
      )`);
    await runner.query(`
      CREATE TABLE files (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        uid uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
        tenant_id bigint NOT NULL REFERENCES tenants (id),
        filename varchar(255) NOT NULL CHECK (filename <> ''),
        content_type varchar(255) NOT NULL,
        blob_id bigint NOT NULL,
        owner_id bigint NOT NULL,
        visibility varchar(16) NOT NULL CHECK (visibility IN ('private', 'tenant', 'public')),
        expires_at timestamptz,
        deleted_at timestamptz,
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (tenant_id, id),
        FOREIGN KEY (tenant_id, blob_id) REFERENCES blobs (tenant_id, id),
        FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id)
      )`);
    // The sweep asks whether any file still has a blob.
    await runner.query('CREATE INDEX files_blob ON files (tenant_id, blob_id)');
    await runner.query('CREATE INDEX files_owner ON files (tenant_id, owner_id)');
    await runner.query(`
      CREATE TABLE file_grants (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        uid uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
        tenant_id bigint NOT NULL,
        file_id bigint NOT NULL,
        user_id bigint,
        role varchar(16) CHECK (role IN ('operator', 'admin', 'user')),
        permission varchar(16) NOT NULL CHECK (permission IN ('download', 'manage')),
        granted_by bigint NOT NULL,
        expires_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        CHECK (num_nonnulls(user_id, role) = 1),
        UNIQUE NULLS NOT DISTINCT (tenant_id, file_id, user_id, role, permission),
        FOREIGN KEY (tenant_id, file_id) REFERENCES files (tenant_id, id) ON DELETE CASCADE,
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
        FOREIGN KEY (tenant_id, granted_by) REFERENCES users (tenant_id, id)
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
