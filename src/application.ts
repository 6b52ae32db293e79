import { readFileSync } from 'node:fs';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import { AppModule } from './app.module.js';
import type { Config } from './common/config/config.js';
import { createFastifyAdapter } from './common/http/fastify-adapter.js';
import { openApiDocument } from './common/http/openapi.js';
import { validationPipe } from './common/http/validation.pipe.js';
import { createLogger, createRequestLogger, NestLogger } from './common/telemetry/logger.js';

export interface Application {
  readonly nest: NestFastifyApplication;
  readonly openApi: OpenAPIObject;
}

/** @param preview builds the module graph without connecting to anything: enough for the OpenAPI document */
export async function createApplication(config: Config, preview = false): Promise<Application> {
  const logger = createLogger(config.log);
  const nest = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoot(config),
    await createFastifyAdapter(config.http, logger, createRequestLogger(config.log)),
    { logger: new NestLogger(logger), preview, abortOnError: false, bodyParser: false },
  );
  nest.useGlobalPipes(validationPipe());
  return { nest, openApi: openApiDocument(nest, packageVersion()) };
}

/** From package.json, which lies two folders above the compiled file, in the image too. */
function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
