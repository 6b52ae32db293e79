import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Lists of the audit are by time: with a period in them they read that period, and not all that is newer. Each filter that may
 * match few rows of many has its index, whoever asks: operators name no tenant.
 */
export class AuditLogByTime1763700550000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX audit_log_tenant, audit_log_actor, audit_log_object');
    await runner.query('CREATE INDEX audit_log_time ON audit_log (at, id)');
    await runner.query('CREATE INDEX audit_log_tenant ON audit_log (tenant_id, at, id)');
    await runner.query('CREATE INDEX audit_log_actor ON audit_log (actor_id, at, id)');
    await runner.query('CREATE INDEX audit_log_object ON audit_log (object_kind, object_id, at, id)');
    await runner.query('CREATE INDEX audit_log_action ON audit_log (action, at, id)');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
