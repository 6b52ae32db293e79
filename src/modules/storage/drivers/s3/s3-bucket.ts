import type { S3Volume } from '../../../../common/config/config.js';
import type { ObjectKey } from '../../object-key.js';
import { AssumeRole, SHORTEST_LIFE } from './assume-role.js';
import { BucketSetup, LOOK } from './bucket-setup.js';
import { S3Client } from './s3-client.js';
import type { StoreCredentials } from './s3-documents.js';
import { probeUnsignedCopies } from './probe-unsigned-copies.js';
import {
  isReadableByAll,
  probeConditionalWrites,
  probeNotifications,
  type StoreAbilities,
} from './store-abilities.js';
import { storeFault } from './store-fault.js';
import { StoreAway, StoreError } from './store-problems.js';

/** What a setup has found and done. */
export interface BucketReport {
  /** Whether the bucket was missing. */
  readonly created: boolean;
  readonly abilities: StoreAbilities;
  /** Whether others than us can read what is in it: nothing may stay so. */
  readonly public: boolean;
  /** What an operator should know, as sentences. */
  readonly remarks: readonly string[];
}

/** The bucket of a volume, apart from its objects. */
export class S3Bucket {
  private readonly client: S3Client;
  private readonly setup: BucketSetup;
  private readonly sts: AssumeRole;

  /** Of the setup that succeeded; undefined until one has. */
  report: BucketReport | undefined;
  /** Why the last setup did not succeed. */
  fault: string | undefined;

  /** @param corsOrigins whose pages may send parts to the store */
  constructor(
    readonly volume: S3Volume,
    private readonly corsOrigins: readonly string[] = [],
  ) {
    this.client = new S3Client(volume);
    this.setup = new BucketSetup(this.client, volume);
    this.sts = new AssumeRole(volume);
  }

  /**
   * Brings the bucket into the state that we need and finds out what its store can do. May be repeated, also by several replicas at once.
   * @throws StoreFault that says what is wrong
   */
  async setUp(): Promise<BucketReport> {
    try {
      const created = await this.setup.ensureBucket();
      const conditionalWrites = await probeConditionalWrites(this.client, this.volume);
      const policy = await this.setup.closePolicy();
      const uploads = await this.setup.expireUploads();
      const cors = await this.setup.allowOrigins(this.corsOrigins);
      const notifications = await probeNotifications(this.client, this.volume);
      const sts = await this.probeSts();
      const directUploads = sts || (await probeUnsignedCopies(this.client, this.volume));
      this.report = {
        created,
        abilities: { sts, notifications, conditionalWrites, directUploads },
        public: await isReadableByAll(this.volume),
        remarks: [policy, uploads, cors].filter((remark) => remark !== undefined),
      };
      this.fault = undefined;
      return this.report;
    } catch (error) {
      this.fault = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  /**
   * Whether the store answers now.
   * @param patience milliseconds
   */
  async ping(patience: number): Promise<{ readonly reachable: boolean; readonly error?: string }> {
    const signal = AbortSignal.timeout(patience);
    try {
      await this.setup.locate({ patience, signal });
      return { reachable: true };
    } catch (error) {
      const answered = error instanceof StoreError && error.code !== '';
      // The key may lack the right to ask, and be good for all that we do.
      if (answered && error.code === 'AccessDenied') return { reachable: true };
      const late = signal.aborted
        ? new StoreAway(`no answer within ${patience} ms`, { cause: error })
        : error;
      const { message } = storeFault(late, this.volume, LOOK);
      return { reachable: answered, error: message };
    }
  }

  /** The name of an object within the bucket. */
  nameOf(key: ObjectKey): string {
    return this.volume.prefix + key;
  }

  /**
   * Credentials that can read these objects and nothing else. They cannot be taken back.
   * @param seconds at least SHORTEST_LIFE
   * @throws StoreError, StoreAway
   */
  assumeReader(keys: readonly ObjectKey[], seconds: number): Promise<StoreCredentials> {
    return this.sts.send(this.readPolicy(keys), seconds);
  }

  /**
   * Credentials that can write this object, also in parts, and nothing else: they read nothing.
   * @param seconds from SHORTEST_LIFE to LONGEST_LIFE
   * @throws StoreError, StoreAway
   */
  assumeWriter(key: ObjectKey, seconds: number): Promise<StoreCredentials> {
    return this.sts.send(this.policyOf('s3:PutObject', [key]), seconds);
  }

  /** JSON; neither bucket, prefix nor keys have signs that mean something in it. */
  readPolicy(keys: readonly ObjectKey[]): string {
    return this.policyOf('s3:GetObject', keys);
  }

  private policyOf(action: string, keys: readonly ObjectKey[]): string {
    const names = new Set(keys.map((key) => `arn:aws:s3:::${this.volume.bucket}/${this.nameOf(key)}`));
    return JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: [action], Resource: [...names] }],
    });
  }

  private async probeSts(): Promise<boolean> {
    const nothing = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Action: ['s3:*'], Resource: ['arn:aws:s3:::*'] }],
    });
    try {
      await this.sts.send(nothing, SHORTEST_LIFE);
      return true;
    } catch (error) {
      if (error instanceof StoreError) return false;
      throw storeFault(error, this.volume, { to: 'ask for credentials', right: 'sts:AssumeRole' });
    }
  }
}
