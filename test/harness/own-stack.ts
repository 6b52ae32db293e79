import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type Stack, type StackOptions, startStack } from '../../scripts/stack/start-stack.mjs';
import { Api } from './api.js';

export const ADMIN = { email: 'admin@example.com', password: 'first light in november' };

export interface OwnStack {
  readonly stack: Stack;
  /** Without credentials, through nginx. */
  readonly anonymous: Api;
  readonly admin: Api;
  /** The lines that a terminal would show. */
  readonly said: readonly string[];
}

/**
 * A stack that the suite may hurt. Real: PostgreSQL, Redis, nginx, the built application. With `restart` an end that the suite
 * asks a Part for is left as it is; what is started again is a process that ends by itself, or by `process.kill`. An environment that
 * is known only when earlier hooks have run is a function.
 */
export function useOwnStack(
  env: Record<string, string> | (() => Record<string, string>) = {},
  { replicas, restart, s3 }: Pick<StackOptions, 'replicas' | 'restart' | 's3'> = {},
): OwnStack {
  const said: string[] = [];
  const own = { said } as unknown as { -readonly [K in keyof OwnStack]: OwnStack[K] };
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'download-service-own-'));
    own.stack = await startStack({
      dataDir,
      durable: false,
      admin: ADMIN,
      env: typeof env === 'function' ? env() : env,
      replicas,
      restart,
      s3,
      onProgress: (line) => said.push(line),
    });
    own.anonymous = new Api(own.stack.publicUrl);
    own.admin = await own.anonymous.login(ADMIN.email, ADMIN.password);
  });
  afterAll(async () => {
    await own.stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  return own;
}
