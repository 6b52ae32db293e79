import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { minioSpec, minioVariables } from '../../scripts/stack/minio.mjs';
import { Part } from '../../scripts/stack/part.mjs';
import { freePort } from '../../scripts/stack/ports.mjs';
import type { S3Volume } from '../../src/common/config/config.js';
import { s3Volume } from './s3-volume.js';

export interface OwnMinio {
  readonly part: Part;
  /** Of its root account, with a bucket of its own that is not there yet. */
  volume(more?: Partial<S3Volume>): S3Volume;
}

/** A MinIO that the suite may hurt. @param env further variables of its own */
export function useMinio(env: Readonly<Record<string, string>> = {}): OwnMinio {
  const own = {} as { -readonly [K in keyof OwnMinio]: OwnMinio[K] };
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'download-service-minio-'));
    await Promise.all(['secrets', 'log'].map((name) => mkdir(join(dataDir, name))));
    const plan = { dataDir, port: await freePort(), password: 'a-good-password' };
    const spec = minioSpec(plan);
    own.part = new Part(
      { ...spec, command: { ...spec.command, env: { ...spec.command.env, ...env } } },
      () => undefined,
    );
    const { S3_ENDPOINT = '', S3_ACCESS_KEY = '', S3_SECRET_KEY = '' } = minioVariables(plan);
    own.volume = (more = {}) =>
      s3Volume({ endpoint: S3_ENDPOINT, accessKey: S3_ACCESS_KEY, secretKey: S3_SECRET_KEY, ...more });
    await own.part.start(AbortSignal.timeout(60_000));
  });
  afterAll(async () => {
    await own.part.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  return own;
}
