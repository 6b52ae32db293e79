import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What happened to accounts and rights: written once, never changed. Without foreign keys, since a row outlives what it
 * speaks of.
 */
export class AuditLog1763700500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_log (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        tenant_id bigint,
        actor_id bigint,
        actor_email varchar(254),
        credential varchar(64),
        action varchar(32) NOT NULL,
        outcome varchar(16) NOT NULL,
        object_kind varchar(16),
        object_id varchar(64),
        count integer NOT NULL DEFAULT 1,
        ip varchar(64),
        request_id varchar(64),
        detail jsonb NOT NULL DEFAULT '{}'
      )`);
    // Lists are by time: with a period in them they read that period, and not all that is newer. Each filter that may match few
    // rows of many has its index, whoever asks: operators name no tenant.
    await runner.query('CREATE INDEX audit_log_time ON audit_log (at, id)');
    await runner.query('CREATE INDEX audit_log_tenant ON audit_log (tenant_id, at, id)');
    await runner.query('CREATE INDEX audit_log_actor ON audit_log (actor_id, at, id)');
    await runner.query('CREATE INDEX audit_log_object ON audit_log (object_kind, object_id, at, id)');
    await runner.query('CREATE INDEX audit_log_action ON audit_log (action, at, id)');
    await runner.query(`
      CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
      END $$`);
    await runner.query(`
      CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
      FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
