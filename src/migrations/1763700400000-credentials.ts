import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Everything by which users come in, or no longer: sessions that ended, API keys, identities of other providers. */
export class Credentials1763700400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE users
        ADD COLUMN auth_epoch integer NOT NULL DEFAULT 0,
        ADD COLUMN deleted_at timestamptz,
        ALTER COLUMN password_hash DROP NOT NULL,
        DROP CONSTRAINT users_email_key`);
    // The address of a deleted user may be used again.
    await runner.query('CREATE UNIQUE INDEX users_email ON users (email) WHERE deleted_at IS NULL');
    await runner.query("CREATE INDEX users_operators ON users (id) WHERE role = 'operator'");
    await runner.query(`
      CREATE TABLE api_keys (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        uid uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
        tenant_id bigint NOT NULL,
        user_id bigint NOT NULL,
        name varchar(100) NOT NULL CHECK (name <> ''),
        prefix varchar(16) NOT NULL UNIQUE,
        sha256 char(64) NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
        scopes varchar(32)[] NOT NULL CHECK (cardinality(scopes) > 0),
        expires_at timestamptz,
        last_used_at timestamptz,
        revoked_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX api_keys_user ON api_keys (tenant_id, user_id, id)');
    await runner.query(`
      CREATE TABLE revocations (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind varchar(16) NOT NULL,
        subject varchar(64) NOT NULL,
        expires_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (kind, subject)
      )`);
    await runner.query('CREATE INDEX revocations_end ON revocations (expires_at)');
    // claims_at: when the token was issued whose word on the user's role was the last one.
    await runner.query(`
      CREATE TABLE user_identities (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant_id bigint NOT NULL,
        user_id bigint NOT NULL,
        issuer varchar(512) NOT NULL,
        subject varchar(255) NOT NULL,
        claims_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (issuer, subject),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX user_identities_user ON user_identities (tenant_id, user_id)');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
