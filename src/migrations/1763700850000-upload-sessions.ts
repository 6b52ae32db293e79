import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Uploads in parts. What is needed to go on with one is here and in the store, so that any replica can.
 * Their objects are pending (`pending_objects`), and kept as long as the session lives.
 */
export class UploadSessions1763700850000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE upload_sessions (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        uid uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
        tenant_id bigint NOT NULL REFERENCES tenants (id),
        owner_id bigint NOT NULL,
        protocol varchar(8) NOT NULL CHECK (protocol IN ('chunks', 'tus', 'direct')),
        filename varchar(255) NOT NULL CHECK (filename <> ''),
        content_type varchar(255) NOT NULL,
        visibility varchar(16) NOT NULL CHECK (visibility IN ('private', 'tenant', 'public')),
        size bigint NOT NULL CHECK (size >= 0),
        sha256 char(64) CHECK (sha256 ~ '^[0-9a-f]{64}$'),
        chunk_size integer NOT NULL CHECK (chunk_size > 0),
        volume varchar(32) NOT NULL,
        storage_path varchar(128) NOT NULL,
        handle text,
        received bigint NOT NULL DEFAULT 0 CHECK (received BETWEEN 0 AND size),
        metadata text,
        status varchar(16) NOT NULL DEFAULT 'uploading'
          CHECK (status IN ('uploading', 'verifying', 'completed', 'failed')),
        failure varchar(64),
        file_id bigint,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        CHECK ((status = 'completed') = (file_id IS NOT NULL)),
        CHECK ((status = 'failed') = (failure IS NOT NULL)),
        FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id),
        FOREIGN KEY (tenant_id, file_id) REFERENCES files (tenant_id, id)
      )`);
    await runner.query(
      `CREATE INDEX upload_sessions_open ON upload_sessions (tenant_id, owner_id) WHERE status IN ('uploading', 'verifying')`,
    );
    await runner.query('CREATE INDEX upload_sessions_expiry ON upload_sessions (expires_at)');
    await runner.query(`
      CREATE TABLE upload_chunks (
        upload_id bigint NOT NULL REFERENCES upload_sessions (id) ON DELETE CASCADE,
        index integer NOT NULL CHECK (index >= 0),
        fingerprint bytea CHECK (octet_length(fingerprint) = 8),
        tag text NOT NULL,
        PRIMARY KEY (upload_id, index)
      )`);
    // Who writes a chunk, or the whole: at most one at a time, on all replicas.
    await runner.query(`
      CREATE TABLE upload_leases (
        upload_id bigint NOT NULL REFERENCES upload_sessions (id) ON DELETE CASCADE,
        slot integer NOT NULL,
        holder uuid NOT NULL,
        wanted boolean NOT NULL DEFAULT false,
        seen_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (upload_id, slot)
      )`);
    await runner.query('CREATE UNIQUE INDEX upload_leases_holder ON upload_leases (holder)');
    // Until then nobody takes the writer of the object for dead, whatever its signs of life.
    await runner.query('ALTER TABLE pending_objects ADD COLUMN kept_until timestamptz');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
