import type { DataSourceOptions } from 'typeorm';
import type { DatabaseConfig } from '../config/config.js';
import { CONNECT_DEADLINE, DeadlineClient, WRITE_DEADLINE } from './deadline-client.js';

/** Connections of one process. PostgreSQL's default of 100 carries several replicas. */
const POOL_SIZE = 16;

/** The one description of our PostgreSQL connections; entities are registered by their modules. */
export function dataSourceOptions(
  database: DatabaseConfig,
): Extract<DataSourceOptions, { type: 'postgres' }> {
  return {
    type: 'postgres',
    url: database.url,
    applicationName: 'download-service',
    synchronize: false,
    migrationsRun: false,
    logging: false,
    poolSize: POOL_SIZE,
    connectTimeoutMS: CONNECT_DEADLINE,
    // Errors of idle connections (the server restarted) are not failures: the pool opens new ones.
    poolErrorHandler: () => undefined,
    extra: {
      Client: DeadlineClient,
      // The server gives up when we did, so that a lost client does not keep its locks.
      statement_timeout: WRITE_DEADLINE,
      idle_in_transaction_session_timeout: 2 * WRITE_DEADLINE,
      keepAlive: true,
    },
  };
}
