export * from './alone.js';
export * from './conditions.js';
export * from './database-problem.js';
export * from './data-source-options.js';
export * from './database.module.js';
export * from './run-migrations.js';
export * from './schema-version.js';
export * from './unique-violation.js';
