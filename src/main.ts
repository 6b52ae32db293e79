import 'reflect-metadata';
import { createApplication } from './application.js';
import { ConfigError, loadConfig } from './common/config/load-config.js';
import { serveOpenApi } from './common/http/openapi.js';

try {
  const config = loadConfig(process.env);
  const { nest, openApi } = await createApplication(config);
  serveOpenApi(nest, openApi);
  nest.enableShutdownHooks([], { useProcessExit: true });
  await nest.listen(config.http.port, config.http.host);
} catch (error) {
  process.stderr.write(`download-service cannot start: ${describe(error)}\n`);
  process.exit(1);
}

function describe(error: unknown): string {
  if (error instanceof ConfigError) return `the configuration is wrong\n${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
