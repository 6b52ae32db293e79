import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Download tokens end all at once, those of a file or of who minted them: by a number that they were minted under. */
export class TokenEpochs1763700800000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users ADD COLUMN token_epoch integer NOT NULL DEFAULT 0');
    await runner.query('ALTER TABLE files ADD COLUMN token_epoch integer NOT NULL DEFAULT 0');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}
