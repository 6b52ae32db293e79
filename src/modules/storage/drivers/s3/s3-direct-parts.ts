import { unavailable } from '../../../../common/problems/index.js';
import { DirectParts, type PartUrls, type StoredPart } from '../../direct-parts.js';
import type { OpenUpload, PartPlace } from '../../part-store.js';
import { directUploadUnavailable } from '../../storage.problems.js';
import { LONGEST_LIFE, SHORTEST_LIFE } from './assume-role.js';
import { translated } from './object-errors.js';
import type { PresigningCredentials } from './presign.js';
import { presignedPart } from './presigned-part.js';
import type { S3Bucket } from './s3-bucket.js';
import { S3Client } from './s3-client.js';
import { listedParts, nextPartMarker } from './s3-documents.js';
import { uriEncode } from './signature-v4.js';

/** Milliseconds by which a URL ends before the credentials that it rests on: the store reads its own clock. */
const MARGIN = 5_000;

/** Parts that clients put into a bucket by presigned URLs. */
export class S3DirectParts extends DirectParts {
  private readonly client: S3Client;

  constructor(private readonly bucket: S3Bucket) {
    super();
    this.client = new S3Client(bucket.volume);
  }

  override require(): void {
    const { report } = this.bucket;
    if (report === undefined) throw unavailable('the object store', new Error('it has not been set up yet'));
    if (!report.abilities.directUploads) {
      throw directUploadUnavailable(
        'The store would do more for the holder of a URL than take its part: send the parts to this service.',
      );
    }
  }

  override async presign({ key, handle }: OpenUpload, parts: readonly PartPlace[]): Promise<PartUrls> {
    this.require();
    const { volume } = this.bucket;
    const name = this.bucket.nameOf(key);
    const { credentials, endsAt } = await translated(this.credentialsFor(key));
    const now = Date.now();
    const ttl = Math.min(volume.urlTtl, Math.floor((endsAt - MARGIN - now) / 1_000));
    const urls = parts.map(({ index, size }) =>
      presignedPart(
        volume,
        volume.publicEndpoint,
        { name, upload: handle, number: index + 1, size },
        credentials,
        { now, ttl },
      ),
    );
    return { urls, expiresAt: new Date(now + ttl * 1_000) };
  }

  override async list({ key, handle }: Pick<OpenUpload, 'key' | 'handle'>): Promise<readonly StoredPart[]> {
    const found: StoredPart[] = [];
    let marker: string | undefined = '0';
    while (marker !== undefined) {
      const query = `part-number-marker=${marker}&uploadId=${uriEncode(handle)}`;
      const { body } = await translated(
        this.client.ask({
          method: 'GET',
          key: this.bucket.nameOf(key),
          query,
          expect: [200],
          idempotent: true,
        }),
      );
      found.push(...listedParts(body));
      marker = nextPartMarker(body);
    }
    return found;
  }

  /**
   * Not the volume's own where that can be helped: MinIO obeys an `X-Amz-Copy-Source` that nobody has signed, and would copy whatever
   * the signer may read into the part. These may write this one object and read nothing.
   */
  private async credentialsFor(
    key: OpenUpload['key'],
  ): Promise<{ readonly credentials: PresigningCredentials; readonly endsAt: number }> {
    const { volume, report } = this.bucket;
    if (report?.abilities.sts !== true) return { credentials: volume, endsAt: Infinity };
    const seconds = Math.min(LONGEST_LIFE, Math.max(SHORTEST_LIFE, volume.urlTtl + MARGIN / 1_000));
    const given = await this.bucket.assumeWriter(key, seconds);
    return {
      credentials: {
        accessKey: given.accessKeyId,
        secretKey: given.secretAccessKey,
        sessionToken: given.sessionToken,
      },
      endsAt: given.expiresAt.getTime(),
    };
  }
}
