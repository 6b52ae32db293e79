import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the files and the unfinished uploads of each user have, and of each tenant (the row without an owner), in bytes. Kept by
 * triggers, so that no statement can forget it, nor one of the release before. Sizes are those of the files, however often their
 * content is stored.
 *
 * Who changes a row of a user has locked that of its tenant before, and both come last in a transaction: who locks anything else (a
 * session, a file, a blob) does so before.
 */
export class StorageUsage1763700950000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Half of each page is free, so that a change writes no index.
    await runner.query(`
      CREATE TABLE storage_usage (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant_id bigint NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        owner_id bigint,
        used_bytes bigint NOT NULL DEFAULT 0 CHECK (used_bytes >= 0),
        reserved_bytes bigint NOT NULL DEFAULT 0 CHECK (reserved_bytes >= 0),
        open_sessions integer NOT NULL DEFAULT 0 CHECK (open_sessions >= 0),
        UNIQUE NULLS NOT DISTINCT (tenant_id, owner_id),
        FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      ) WITH (fillfactor = 50)`);
    await this.openWithAccounts(runner);
    await runner.query(`
      CREATE FUNCTION add_storage_usage(tenant bigint, owner bigint, used bigint, reserved bigint, sessions integer)
      RETURNS void LANGUAGE plpgsql AS $$
      BEGIN
        UPDATE storage_usage SET used_bytes = used_bytes + used, reserved_bytes = reserved_bytes + reserved,
          open_sessions = open_sessions + sessions
        WHERE tenant_id = tenant AND owner_id IS NULL;
        UPDATE storage_usage SET used_bytes = used_bytes + used, reserved_bytes = reserved_bytes + reserved,
          open_sessions = open_sessions + sessions
        WHERE tenant_id = tenant AND owner_id = owner;
      END $$`);
    await this.countFiles(runner);
    await this.countSessions(runner);
    // The triggers keep writers out until this is committed, so nothing is missed, and nothing counted twice.
    await runner.query(`
      WITH counted AS (
        SELECT f.tenant_id, f.owner_id, b.size AS used, 0 AS reserved, 0 AS sessions
        FROM files f JOIN blobs b ON b.tenant_id = f.tenant_id AND b.id = f.blob_id WHERE f.deleted_at IS NULL
        UNION ALL
        SELECT tenant_id, owner_id, 0, size, 1 FROM upload_sessions WHERE status IN ('uploading', 'verifying')
      ), summed AS (
        SELECT tenant_id, owner_id, sum(used) AS used, sum(reserved) AS reserved, sum(sessions) AS sessions
        FROM counted GROUP BY GROUPING SETS ((tenant_id), (tenant_id, owner_id))
      )
      UPDATE storage_usage s SET used_bytes = c.used, reserved_bytes = c.reserved, open_sessions = c.sessions
      FROM summed c WHERE c.tenant_id = s.tenant_id AND c.owner_id IS NOT DISTINCT FROM s.owner_id`);
  }

  /** The rows are there before they are needed: counting only ever updates. */
  private async openWithAccounts(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION open_storage_usage() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF TG_TABLE_NAME = 'tenants' THEN
          INSERT INTO storage_usage (tenant_id) VALUES (NEW.id);
        ELSE
          INSERT INTO storage_usage (tenant_id, owner_id) VALUES (NEW.tenant_id, NEW.id);
        END IF;
        RETURN NULL;
      END $$`);
    for (const table of ['tenants', 'users']) {
      await runner.query(
        `CREATE TRIGGER ${table}_usage AFTER INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION open_storage_usage()`,
      );
    }
    await runner.query(`
      INSERT INTO storage_usage (tenant_id, owner_id)
      SELECT id, NULL FROM tenants UNION ALL SELECT tenant_id, id FROM users`);
  }

  /** Files that are not deleted. The content is still there when one is deleted, whatever a sweep does with it afterwards. */
  private async countFiles(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION count_file() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF TG_OP <> 'INSERT' AND OLD.deleted_at IS NULL THEN
          PERFORM add_storage_usage(OLD.tenant_id, OLD.owner_id, -(SELECT size FROM blobs WHERE id = OLD.blob_id), 0, 0);
        END IF;
        IF TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL THEN
          PERFORM add_storage_usage(NEW.tenant_id, NEW.owner_id, (SELECT size FROM blobs WHERE id = NEW.blob_id), 0, 0);
        END IF;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER files_usage AFTER INSERT OR DELETE OR UPDATE OF deleted_at, blob_id, owner_id ON files
      FOR EACH ROW EXECUTE FUNCTION count_file()`);
  }

  /** Sessions that may still become files. */
  private async countSessions(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION count_upload_session() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF TG_OP <> 'INSERT' AND OLD.status IN ('uploading', 'verifying') THEN
          PERFORM add_storage_usage(OLD.tenant_id, OLD.owner_id, 0, -OLD.size, -1);
        END IF;
        IF TG_OP <> 'DELETE' AND NEW.status IN ('uploading', 'verifying') THEN
          PERFORM add_storage_usage(NEW.tenant_id, NEW.owner_id, 0, NEW.size, 1);
        END IF;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER upload_sessions_usage AFTER INSERT OR DELETE OR UPDATE OF status, size, owner_id ON upload_sessions
      FOR EACH ROW EXECUTE FUNCTION count_upload_session()`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
