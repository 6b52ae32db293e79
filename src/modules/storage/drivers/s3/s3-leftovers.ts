import type { S3Volume } from '../../../../common/config/config.js';
import { type Leftover, Leftovers } from '../../leftovers.js';
import { isObjectKey } from '../../object-key.js';
import { abortUpload } from './multipart-requests.js';
import { objectError } from './object-errors.js';
import { S3Client } from './s3-client.js';
import { uploadsPage } from './s3-documents.js';

/**
 * Multipart uploads that were begun and neither completed nor aborted, below the volume's prefix. MinIO lists those of a prefix only to who
 * names the whole key, and after its own restart none: it removes them itself after a day (`api stale_uploads_expiry`).
 */
export class S3Leftovers extends Leftovers {
  private readonly client: S3Client;

  constructor(private readonly volume: S3Volume) {
    super();
    this.client = new S3Client(volume);
  }

  override async *list(before: Date, signal: AbortSignal): AsyncGenerator<Leftover, void> {
    const { prefix } = this.volume;
    for (let after: string | undefined; ;) {
      const { body } = await this.client
        .ask({ method: 'GET', query: queryOf(prefix, after), expect: [200], idempotent: true, signal })
        .catch(refuse);
      const { uploads, next } = uploadsPage(body);
      for (const { name, id, initiated } of uploads) {
        const key = name.slice(prefix.length);
        if (name.startsWith(prefix) && isObjectKey(key) && initiated < before) yield { key, id };
      }
      if (next === undefined) return;
      after = next;
    }
  }

  override async remove({ key, id }: Leftover): Promise<void> {
    await abortUpload(this.client, this.volume.prefix + key, id).catch(refuse);
  }
}

/** Members in the order in which they are signed. */
function queryOf(prefix: string, after: string | undefined): string {
  const members = Object.entries({
    ...(after !== undefined && { 'key-marker': after }),
    ...(prefix !== '' && { prefix }),
    uploads: '',
  });
  return members.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
}

function refuse(error: unknown): never {
  throw objectError(error);
}
