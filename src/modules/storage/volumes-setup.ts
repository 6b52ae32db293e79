import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Buckets } from './buckets.js';
import type { BucketReport, S3Bucket } from './drivers/s3/s3-bucket.js';

/** Milliseconds that a start waits for stores: usually the first upload finds its bucket, and one that is away stops no start. */
const PATIENCE = 2_000;
/** Milliseconds before the second try; each further waits twice as long, up to a minute, all of them with jitter. */
const RETRY_AFTER = 1_000;
const RETRY_AT_MOST = 60_000;

/** What `report.public` means. */
export const OPEN = 'everybody can read the bucket without credentials, past this service: make it private';

/**
 * Brings the buckets of the configuration into the state that we need, when a replica starts. What does not succeed is said and tried
 * again, also when only a person can mend it, perhaps on the side of the store: meanwhile the other volumes are served.
 */
@Injectable()
export class VolumesSetup implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Storage');
  private readonly stopping = new AbortController();

  constructor(private readonly buckets: Buckets) {}

  async onApplicationBootstrap(): Promise<void> {
    const { signal } = this.stopping;
    const first = this.buckets.all().map(async (bucket) => {
      const done = await this.attempt(bucket);
      if (!done) this.keepTrying(bucket, signal).catch(() => undefined);
    });
    const enough = new AbortController();
    await Promise.race([Promise.all(first), sleep(PATIENCE, undefined, { signal: enough.signal })]);
    enough.abort();
  }

  onApplicationShutdown(): void {
    this.stopping.abort();
  }

  private async keepTrying(bucket: S3Bucket, signal: AbortSignal): Promise<void> {
    for (let wait = RETRY_AFTER; ; wait = Math.min(2 * wait, RETRY_AT_MOST)) {
      await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal, ref: false });
      if (await this.attempt(bucket)) return;
    }
  }

  /** @returns whether it has succeeded */
  private async attempt(bucket: S3Bucket): Promise<boolean> {
    const { name } = bucket.volume;
    try {
      const report = await bucket.setUp();
      if (report.public) this.logger.error(`volume ${name}: ${OPEN}; ${describe(bucket, report)}`);
      else this.logger.log(`volume ${name}: ${describe(bucket, report)}`);
      return !report.public;
    } catch (error) {
      this.logger.error(`volume ${name}: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }
}

function describe({ volume }: S3Bucket, { created, abilities, remarks }: BucketReport): string {
  const can = Object.entries(abilities).map(([ability, has]) => `${ability} ${has ? 'yes' : 'no'}`);
  return [
    `bucket ${volume.bucket} at ${volume.endpoint} is ${created ? 'made' : 'there'}`,
    can.join(', '),
    ...remarks,
  ].join('; ');
}
