import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

export const EXPECTED_MIGRATIONS = Symbol('EXPECTED_MIGRATIONS');

/**
 * Whether the database has every migration that this build was made for. It may have more: a newer release may
 * already have migrated beside us (expand, then contract). Once known it stays known: migrations only go forward.
 */
@Injectable()
export class SchemaVersion {
  private known = false;

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(EXPECTED_MIGRATIONS) private readonly expected: readonly string[],
  ) {}

  /** @throws when the database cannot be asked */
  async isKnown(): Promise<boolean> {
    if (this.known) return true;
    const [table] = await this.database.query<{ present: boolean }[]>(
      `SELECT to_regclass('migrations') IS NOT NULL AS present`,
    );
    if (table?.present !== true) return false;
    const applied = await this.database.query<{ name: string }[]>('SELECT name FROM migrations');
    const names = new Set(applied.map(({ name }) => name));
    this.known = this.expected.every((name) => names.has(name));
    return this.known;
  }
}
