import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { MigrationInterface } from 'typeorm';
import { DatabaseConfig } from '../config/config.js';
import { dataSourceOptions } from './data-source-options.js';
import { EXPECTED_MIGRATIONS, SchemaVersion } from './schema-version.js';

@Module({})
export class DatabaseModule {
  /** @param migrations the schema that this build was made for, in order */
  static forRoot(migrations: readonly (new () => MigrationInterface)[]): DynamicModule {
    return {
      module: DatabaseModule,
      global: true,
      imports: [
        TypeOrmModule.forRootAsync({
          inject: [DatabaseConfig],
          useFactory: (database: DatabaseConfig) => ({
            ...dataSourceOptions(database),
            autoLoadEntities: true,
            retryAttempts: 30,
            retryDelay: 500,
            verboseRetryLog: true,
          }),
        }),
      ],
      providers: [
        { provide: EXPECTED_MIGRATIONS, useValue: migrations.map(({ name }) => name) },
        SchemaVersion,
      ],
      exports: [SchemaVersion],
    };
  }
}
