import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startStack } from '../../scripts/stack/start-stack.mjs';

/** What suites know of the stack that they share. */
export interface SharedStack {
  /** Through nginx. */
  readonly publicUrl: string;
  /** An application on the same data that sends the bytes itself. */
  readonly streamUrl: string;
  /** The application behind nginx. */
  readonly appUrl: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly jwtSecretFile: string;
  readonly dataDir: string;
  readonly admin: { readonly email: string; readonly password: string };
}

declare module 'vitest' {
  export interface ProvidedContext {
    stack: SharedStack;
  }
}

/** Largest upload of the shared stack: small, so that 413 can be shown by sending it. */
export const UPLOAD_MAX_SIZE = 32 * 1024 * 1024;

/** Real: PostgreSQL, Redis, nginx and the built application, twice. Fake: nothing. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'download-service-e2e-'));
  const admin = { email: 'admin@example.com', password: 'first light in november' };
  const env = {
    UPLOAD_MAX_SIZE: String(UPLOAD_MAX_SIZE),
    LOG_LEVEL: 'debug',
    // All suites come from one address; the limits have a suite with a stack of its own.
    RATE_LIMIT_API: '1000000',
    RATE_LIMIT_LOGINS: '1000000',
  };
  const stack = await startStack({
    dataDir,
    durable: false,
    admin,
    env,
  });
  const volume = { name: 'local', driver: 'fs', root: join(dataDir, 'blobs'), delivery: 'stream' };
  const streaming = await startStack({
    dataDir: join(dataDir, 'streaming'),
    parts: ['app'],
    databaseUrl: stack.databaseUrl,
    redisUrl: stack.redisUrl,
    env: {
      ...env,
      VOLUMES: JSON.stringify([volume]),
      PUBLIC_URL: stack.publicUrl,
      JWT_SECRET_FILE: stack.env.JWT_SECRET_FILE ?? '',
    },
  });
  project.provide('stack', {
    streamUrl: streaming.appUrl,
    publicUrl: stack.publicUrl,
    appUrl: stack.appUrl,
    databaseUrl: stack.databaseUrl,
    redisUrl: stack.redisUrl,
    jwtSecretFile: stack.env.JWT_SECRET_FILE ?? '',
    dataDir,
    admin,
  });
  return async () => {
    await streaming.stop();
    await stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
}
