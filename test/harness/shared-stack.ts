import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startStack } from '../../scripts/stack/start-stack.mjs';
import { MINIO_USER } from '../../scripts/stack/minio.mjs';
import { UNLIMITED } from './unlimited.js';
import { HAS_MINIO } from './stores.js';

/** What suites know of the stack that they share. */
export interface SharedStack {
  /** Through nginx. */
  readonly publicUrl: string;
  /** An application on the same data that sends the bytes itself. */
  readonly streamUrl: string;
  /** Through an nginx of its own, an application on the same data whose new blobs are in MinIO; undefined where there is none. */
  readonly s3Url: string | undefined;
  /** Origin of that MinIO. */
  readonly s3Endpoint: string | undefined;
  readonly s3SecretKey: string | undefined;
  /** The application behind nginx. */
  readonly appUrl: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly jwtSecretFile: string;
  readonly dataDir: string;
  /** How the store is reached: S3_ENDPOINT and the keys; empty where there is none. */
  readonly store: Readonly<Record<string, string>>;
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
    RATE_LIMIT_TOKEN_MISSES: '1000000',
    ...UNLIMITED,
  };
  const stack = await startStack({
    dataDir,
    durable: false,
    admin,
    env,
    s3: HAS_MINIO,
  });
  const store = { s3Endpoint: stack.env.S3_ENDPOINT, s3SecretKey: stack.env.S3_SECRET_KEY };
  const volume = { name: 'local', driver: 'fs', root: join(dataDir, 'blobs'), delivery: 'stream' };
  const streaming = await startStack({
    dataDir: join(dataDir, 'streaming'),
    parts: ['app'],
    databaseUrl: stack.databaseUrl,
    redisUrl: stack.redisUrl,
    env: {
      ...env,
      ...storeVariables(store),
      S3_DELIVERY: 'stream',
      VOLUMES: JSON.stringify([volume]),
      PUBLIC_URL: stack.publicUrl,
      JWT_SECRET_FILE: stack.env.JWT_SECRET_FILE ?? '',
    },
  });
  const proxied = HAS_MINIO
    ? await startStack({
        dataDir: join(dataDir, 's3'),
        parts: ['nginx', 'app'],
        databaseUrl: stack.databaseUrl,
        redisUrl: stack.redisUrl,
        env: {
          ...storeVariables(store),
          ...env,
          VOLUMES: stack.env.VOLUMES,
          DEFAULT_VOLUME: 's3',
          S3_DELIVERY: 'accel-s3',
          JWT_SECRET_FILE: stack.env.JWT_SECRET_FILE ?? '',
        },
      })
    : undefined;
  project.provide('stack', {
    s3Url: proxied?.publicUrl,
    ...store,
    streamUrl: streaming.appUrl,
    publicUrl: stack.publicUrl,
    appUrl: stack.appUrl,
    databaseUrl: stack.databaseUrl,
    redisUrl: stack.redisUrl,
    jwtSecretFile: stack.env.JWT_SECRET_FILE ?? '',
    dataDir,
    store: Object.fromEntries(Object.entries(stack.env).filter(([name]) => name.startsWith('S3_'))),
    admin,
  });
  return async () => {
    await proxied?.stop();
    await streaming.stop();
    await stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
}

/** What another application needs to reach the MinIO of the shared stack; nothing where there is none. */
export function storeVariables({
  s3Endpoint,
  s3SecretKey,
}: Pick<SharedStack, 's3Endpoint' | 's3SecretKey'>): Record<string, string | undefined> {
  return { S3_ENDPOINT: s3Endpoint, S3_ACCESS_KEY: MINIO_USER, S3_SECRET_KEY: s3SecretKey };
}
