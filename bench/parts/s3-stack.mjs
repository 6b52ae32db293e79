import { join } from 'node:path';
import { startStack } from '../../scripts/stack/start-stack.mjs';

/**
 * An nginx and an application of the row's own, on the data of the others, whose new blobs go to a MinIO of its own, until the row is over.
 * @param {import('../benchmark.js').Setting} setting
 * @returns {Promise<import('../benchmark.js').Setting>} the same with that stack
 */
export async function withS3Stack(setting) {
  const { stack, folder, signal, onEnd } = setting;
  const s3 = await startStack({
    dataDir: join(folder, 'stack'),
    parts: ['nginx', 'app'],
    s3: true,
    databaseUrl: stack.databaseUrl,
    redisUrl: stack.redisUrl,
    env: { ...stack.env, S3_ENDPOINT: undefined, S3_BUCKET: 'bench', DEFAULT_VOLUME: 's3' },
    signal,
  });
  onEnd(() => s3.stop());
  return { ...setting, stack: { ...s3, admin: stack.admin } };
}
