import { S3Client } from './s3-client.js';
import type { S3Volume } from '../../../../common/config/config.js';

/** Makes the bucket when it is missing. */
export async function ensureBucket(volume: S3Volume): Promise<void> {
  const client = new S3Client(volume);
  await client.ask({ method: 'PUT', expect: [200, 409], idempotent: true });
}
