import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who was asked to prove that it has which content, so that nobody asks too often; and what an upload session was asked. */
export class InstantUploads1763701000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE possession_challenges (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant_id bigint NOT NULL,
        user_id bigint NOT NULL,
        sha256 char(64) NOT NULL,
        issued_at timestamptz NOT NULL DEFAULT now(),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
      )`);
    await runner.query(
      'CREATE INDEX possession_challenges_user ON possession_challenges (user_id, issued_at)',
    );
    await runner.query('CREATE INDEX possession_challenges_age ON possession_challenges (issued_at)');
    await runner.query('ALTER TABLE upload_sessions ADD COLUMN challenge jsonb');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
