import type { S3Volume } from '../../../../common/config/config.js';
import { S3Client } from './s3-client.js';
import { storeFault } from './store-fault.js';
import { StoreError } from './store-problems.js';

/** What not every S3 store can do. */
export interface StoreAbilities {
  /** Temporary credentials for some objects (STS AssumeRole with a session policy). */
  readonly sts: boolean;
  /** Events of a bucket (S3 API, "Event notifications"). */
  readonly notifications: boolean;
  /** `If-None-Match: *` keeps a PUT from replacing an object. */
  readonly conditionalWrites: boolean;
  /** Clients may send parts themselves: the holder of a presigned URL can do nothing else with it. */
  readonly directUploads: boolean;
}

/** Below the prefix, and no key of ours: those begin with a number. Empty, written once and then left: no start leaves anything new. */
export const WRITE_PROBE = '.write-probe';

/**
 * Writes twice where nothing may be replaced. It also shows that we may write at all.
 * @throws StoreFault
 */
export async function probeConditionalWrites(client: S3Client, volume: S3Volume): Promise<boolean> {
  const put = (headers: Record<string, string>) =>
    client.ask({ method: 'PUT', key: volume.prefix + WRITE_PROBE, headers, expect: [200] });
  try {
    try {
      await put({ 'If-None-Match': '*' });
      await put({ 'If-None-Match': '*' });
      return false;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // A replica that starts beside us may be just writing it.
      if (error.code === 'PreconditionFailed' || error.code === 'ConditionalRequestConflict') return true;
      if (error.code !== 'NotImplemented') throw error;
      await put({});
      return false;
    }
  } catch (error) {
    throw storeFault(error, volume, { to: `write to the bucket ${volume.bucket}`, right: 's3:PutObject' });
  }
}

/** @throws StoreFault when the store does not answer */
export async function probeNotifications(client: S3Client, volume: S3Volume): Promise<boolean> {
  try {
    const { body } = await client.ask({ method: 'GET', query: 'notification=', expect: [200] });
    return body.includes('<NotificationConfiguration');
  } catch (error) {
    if (error instanceof StoreError) return false;
    throw storeFault(error, volume, { to: 'ask for notifications', right: 's3:GetBucketNotification' });
  }
}

/** Whether the object of the write probe is there for everybody: by a policy, an ACL, or however that store does it. */
export async function isReadableByAll(volume: S3Volume): Promise<boolean> {
  const anonymous = new S3Client({ ...volume, accessKey: '', secretKey: '' });
  try {
    await anonymous.ask({ method: 'GET', key: volume.prefix + WRITE_PROBE, expect: [200] });
    return true;
  } catch (error) {
    if (error instanceof StoreError) return false;
    throw storeFault(error, volume, { to: 'read without credentials', right: '' });
  }
}
