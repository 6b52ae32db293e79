import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { loadConfig } from './src/common/config/load-config.js';
import { dataSourceOptions } from './src/common/database/index.js';
import { migrations } from './src/migrations/index.js';
import { authEntities } from './src/modules/auth/index.js';
import { fileMetaEntities } from './src/modules/file-meta/index.js';

/** For TypeORM's command line: `npx typeorm -d dist/ormconfig.js migration:show`. */
export default new DataSource({
  ...dataSourceOptions(loadConfig(process.env).database),
  migrations: [...migrations],
  entities: [...authEntities, ...fileMetaEntities],
});
