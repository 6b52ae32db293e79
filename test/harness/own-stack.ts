import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type Stack, type StackOptions, startStack } from '../../scripts/stack/start-stack.mjs';
import { Api } from './api.js';
import { trusted } from './http.js';
import { UNLIMITED } from './unlimited.js';

export const ADMIN = { email: 'admin@example.com', password: 'first light in november' };

export interface OwnStack {
  readonly stack: Stack;
  /** Without credentials, through nginx. */
  readonly anonymous: Api;
  readonly admin: Api;
  /** The lines that a terminal would show. */
  readonly said: readonly string[];
}

type Environment = Record<string, string>;

/**
 * A stack that the suite may hurt. Real: PostgreSQL, Redis, nginx, the built application. With `restart` an end that the suite
 * asks a Part for is left as it is; what is started again is a process that ends by itself, or by `process.kill`.
 * @param env as a function: asked for when whatever the suite has started before is there
 */
export function useOwnStack(
  env: Environment | (() => Environment) = {},
  { replicas, restart, s3, tls }: Pick<StackOptions, 'replicas' | 'restart' | 's3' | 'tls'> = {},
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
      env: { ...UNLIMITED, ...(typeof env === 'function' ? env() : env) },
      replicas,
      restart,
      s3,
      tls,
      onProgress: (line) => said.push(line),
    });
    if (own.stack.caFile !== undefined) trusted.set(own.stack.publicUrl, await readFile(own.stack.caFile));
    own.anonymous = new Api(own.stack.publicUrl);
    own.admin = await own.anonymous.login(ADMIN.email, ADMIN.password);
  });
  afterAll(async () => {
    await own.stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  return own;
}
