import { S3Client } from '../../src/modules/storage/drivers/s3/s3-client.js';
import type { S3Volume } from '../../src/common/config/config.js';

/** A volume at this store, as `VOLUMES` would have it. */
export function s3Volume(volume: Partial<S3Volume> & Pick<S3Volume, 'endpoint'>): S3Volume {
  return {
    name: 'cold',
    driver: 's3',
    publicEndpoint: volume.endpoint,
    region: 'us-east-1',
    bucket: `b-${Math.random().toString(16).slice(2)}`,
    prefix: '',
    accessKey: 'nobody',
    secretKey: 'nothing-secret',
    caFile: undefined,
    urlTtl: 300,
    delivery: 'auto',
    ...volume,
  };
}

/** What only the owner of a bucket does. */
export function ownerOf(volume: S3Volume): S3Client {
  return new S3Client(volume);
}

/** Without a signature, as anybody may ask. @returns the status */
export async function askAnonymously(volume: S3Volume, path: string): Promise<number> {
  const answer = await fetch(`${volume.endpoint}/${volume.bucket}/${path}`);
  await answer.body?.cancel();
  return answer.status;
}
