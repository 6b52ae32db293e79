import { createHash } from 'node:crypto';
import type { S3Volume } from '../../../../common/config/config.js';
import { withCorsRule } from './bucket-cors.js';
import { closeToPublic } from './bucket-policy.js';
import type { S3Client, S3Request } from './s3-client.js';
import { isLocation, withLifecycleRule } from './s3-documents.js';
import { type Attempt, NotAStore, storeFault } from './store-fault.js';
import { StoreError } from './store-problems.js';

/** Days after which the store may remove what an upload has left: longer than any upload of ours takes. */
const ABORT_AFTER = 8;

/** What is asked first. */
export const LOOK: Attempt = { to: 'look at the bucket', right: 's3:GetBucketLocation' };

/** Signed requests whose failure says what was tried, and where to look. */
export class BucketSetup {
  constructor(
    private readonly client: S3Client,
    private readonly volume: S3Volume,
  ) {}

  /** @returns whether it has been made just now. @throws StoreFault */
  async ensureBucket(): Promise<boolean> {
    try {
      await this.locate();
      return false;
    } catch (error) {
      // A key without the right to ask may still be one with which we can work: the first write tells.
      if (codeOf(error) === 'AccessDenied') return false;
      if (codeOf(error) !== 'NoSuchBucket') throw this.fault(error, LOOK);
    }
    const { bucket, region } = this.volume;
    try {
      await this.client.ask({
        method: 'PUT',
        // The default region is the one that must not be named (S3 API, CreateBucket).
        body:
          region === 'us-east-1'
            ? ''
            : `<CreateBucketConfiguration><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`,
        expect: [200],
        idempotent: true,
      });
      return true;
    } catch (error) {
      // Another replica has just made it.
      if (codeOf(error) === 'BucketAlreadyOwnedByYou') return false;
      throw this.fault(error, { to: `create the missing bucket ${bucket}`, right: 's3:CreateBucket' });
    }
  }

  /** Asks for the bucket, once. @throws StoreError, StoreAway, NotAStore */
  async locate(more: Pick<S3Request, 'patience' | 'signal'> = {}): Promise<void> {
    const { body } = await this.client.ask({ method: 'GET', query: 'location=', expect: [200], ...more });
    if (!isLocation(body)) throw new NotAStore();
  }

  /**
   * Takes away what a bucket policy allows to everybody. In a bucket that is ours alone; where we have a prefix in a bucket that is used
   * for other things too, its policy is not ours.
   * @returns what is to be said about it
   */
  async closePolicy(): Promise<string | undefined> {
    let policy: string;
    try {
      ({ body: policy } = await this.client.ask({ method: 'GET', query: 'policy=', expect: [200] }));
    } catch (error) {
      const code = this.refusal(error);
      return code === 'NoSuchBucketPolicy' ? undefined : `its policy cannot be read (${code})`;
    }
    const closed = closeToPublic(policy);
    if (closed === undefined) return undefined;
    if (this.volume.prefix !== '') {
      return 'its policy allows something to everybody: it is shared with others, so that is left as it is';
    }
    try {
      await this.client.ask({
        method: closed === '' ? 'DELETE' : 'PUT',
        query: 'policy=',
        ...(closed !== '' && { body: closed, headers: { 'Content-MD5': md5(closed) } }),
        expect: [200, 204],
      });
      return 'its policy allowed something to everybody: those statements have been removed';
    } catch (error) {
      return `its policy allows something to everybody, and may not be changed (${this.refusal(error)})`;
    }
  }

  /** The store forgets unfinished uploads by itself. @returns why not */
  async expireUploads(): Promise<string | undefined> {
    try {
      const rules = await this.lifecycle();
      if (rules?.includes('<AbortIncompleteMultipartUpload>') === true) return undefined;
      const rule =
        `<Rule><ID>download-service-incomplete-uploads</ID><Filter><Prefix>${this.volume.prefix}</Prefix></Filter><Status>Enabled</Status>` +
        `<AbortIncompleteMultipartUpload><DaysAfterInitiation>${ABORT_AFTER}</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>`;
      const body = withLifecycleRule(rules, rule);
      await this.client.ask({
        method: 'PUT',
        query: 'lifecycle=',
        headers: { 'Content-MD5': md5(body) },
        body,
        expect: [200],
      });
      return undefined;
    } catch (error) {
      return `the store takes no rule for unfinished uploads (${this.refusal(error)}): only our own sweep removes them`;
    }
  }

  /** @param origins whose pages may send parts to the store; none leaves its rules as they are @returns what is to be said about it */
  async allowOrigins(origins: readonly string[]): Promise<string | undefined> {
    if (origins.length === 0) return undefined;
    try {
      const body = withCorsRule(await this.corsRules(), origins);
      if (body === undefined) return undefined;
      await this.client.ask({
        method: 'PUT',
        query: 'cors=',
        headers: { 'Content-MD5': md5(body) },
        body,
        expect: [200, 204],
      });
      return undefined;
    } catch (error) {
      return (
        `the store takes no CORS rules (${this.refusal(error)}): whether pages of CORS_ORIGINS may send parts to it is a setting ` +
        'of its own (MinIO: MINIO_API_CORS_ALLOW_ORIGIN)'
      );
    }
  }

  private async corsRules(): Promise<string | undefined> {
    try {
      const { body } = await this.client.ask({ method: 'GET', query: 'cors=', expect: [200] });
      return body;
    } catch (error) {
      if (codeOf(error) === 'NoSuchCORSConfiguration') return undefined;
      throw error;
    }
  }

  private async lifecycle(): Promise<string | undefined> {
    try {
      const { body } = await this.client.ask({ method: 'GET', query: 'lifecycle=', expect: [200] });
      return body;
    } catch (error) {
      if (codeOf(error) === 'NoSuchLifecycleConfiguration') return undefined;
      throw error;
    }
  }

  /** The code of what the store refuses. @throws StoreFault when it did not answer */
  private refusal(error: unknown): string {
    if (error instanceof StoreError) return error.code;
    throw this.fault(error, LOOK);
  }

  private fault(error: unknown, attempt: Attempt): Error {
    return storeFault(error, this.volume, attempt);
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof StoreError ? error.code : undefined;
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('base64');
}
