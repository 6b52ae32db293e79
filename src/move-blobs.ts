import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConfigModule } from './common/config/config.module.js';
import type { Config } from './common/config/config.js';
import { loadConfig } from './common/config/load-config.js';
import { DatabaseModule, SchemaVersion } from './common/database/index.js';
import { RedisModule } from './common/redis/index.js';
import { RevocationModule } from './common/revocation/index.js';
import { errorChain } from './common/telemetry/error-chain.js';
import { TerminalLogger } from './common/telemetry/terminal-logger.js';
import { migrations } from './migrations/index.js';
import { MoveBlobs, MoveRefused, MovingModule, readMoveOrder } from './modules/file-meta/index.js';

/**
 * `npm run move-blobs -- --from local --to s3 [--tenant slug] [--limit N] [--dry-run]`: moves blobs to another volume while they are
 * being downloaded (docs/moving-blobs.md). Lines about it go to stderr, the summary as JSON to stdout. Exit code 1: not all was moved.
 */
try {
  const order = readMoveOrder(process.argv.slice(2));
  const end = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      end.abort();
    });
  }
  const application = await NestFactory.createApplicationContext(commandModule(loadConfig(process.env)), {
    logger: new TerminalLogger(),
    abortOnError: false,
  });
  try {
    if (!(await application.get(SchemaVersion).isKnown()))
      throw new MoveRefused('the schema of the database is older: npm run migrate');
    const summary = await application.get(MoveBlobs).run(order, say, end.signal);
    if (summary.stopped !== undefined)
      say(`stopped: ${summary.stopped}. The same command goes on from here.`);
    process.stdout.write(`${JSON.stringify(summary)}\n`);
    if (summary.failed > 0 || summary.stopped !== undefined) process.exitCode = 1;
  } finally {
    await application.close();
  }
} catch (error) {
  say(`move-blobs failed: ${errorChain(error)}`);
  process.exitCode = 1;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function commandModule(config: Config): new () => object {
  @Module({
    imports: [
      ConfigModule.forRoot(config),
      DatabaseModule.forRoot(migrations),
      RedisModule,
      RevocationModule,
      MovingModule,
    ],
  })
  class MoveBlobsCommand {}
  return MoveBlobsCommand;
}
