import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { createApplication } from './application.js';
import { loadConfig } from './common/config/load-config.js';

/** `npm run openapi`: writes the OpenAPI document to the file named on the command line. Needs no servers. */
const [, , path = 'openapi.json'] = process.argv;
const config = loadConfig({
  DATABASE_URL: 'postgres://unused',
  REDIS_URL: 'redis://unused',
  JWT_SECRET: 'unused'.repeat(6),
  LOG_LEVEL: 'silent',
});
const { openApi } = await createApplication(config, true);
writeFileSync(path, `${JSON.stringify(openApi, null, 2)}\n`);
process.exit(0);
