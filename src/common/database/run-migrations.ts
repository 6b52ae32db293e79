import pg from 'pg';
import { DataSource, type MigrationInterface } from 'typeorm';
import type { DatabaseConfig } from '../config/config.js';
import { dataSourceOptions } from './data-source-options.js';

/** Any number, the same in every release: it names the lock under which this service migrates. */
const MIGRATION_LOCK = 7_301_944_261;

/**
 * Brings the schema up to date, each migration in a transaction of its own, and then runs `afterwards` under the
 * same lock. TypeORM takes no lock, so of two runs at once one would crash half-way; here the second waits.
 * @returns the names of the migrations that were applied
 */
export async function runMigrations(
  database: DatabaseConfig,
  migrations: readonly (new () => MigrationInterface)[],
  entities: readonly (new () => object)[],
  afterwards: (dataSource: DataSource) => Promise<void>,
): Promise<string[]> {
  const lock = new pg.Client({
    connectionString: database.url,
    application_name: 'download-service migrate',
  });
  await lock.connect();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const dataSource = new DataSource({
      ...dataSourceOptions(database),
      migrations: [...migrations],
      entities: [...entities],
      // A migration may rewrite a table: here no deadline holds.
      extra: { max: 2 },
    });
    await dataSource.initialize();
    try {
      const applied = await dataSource.runMigrations({ transaction: 'each' });
      await afterwards(dataSource);
      return applied.map(({ name }) => name);
    } finally {
      await dataSource.destroy();
    }
  } finally {
    // The lock belongs to the connection and ends with it.
    await lock.end();
  }
}
