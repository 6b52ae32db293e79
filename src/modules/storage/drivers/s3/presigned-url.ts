import { createHash, createHmac } from 'node:crypto';
import type { S3Volume } from '../../../../common/config/config.js';

/** What the answer to a presigned GET is to say instead of what the object was stored with. */
export interface ResponseOverrides {
  readonly contentDisposition: string;
  readonly contentType: string;
}

/**
 * Presigned GETs (AWS Signature Version 4, "Authenticating Requests: Using Query Parameters"), without network. What is the same
 * for a day is made once a day: minio's own signing costs four HMACs and several objects for each URL.
 */
export class PresignedUrls {
  private day = '';
  private key: Buffer = Buffer.alloc(0);
  private credential = '';
  private readonly host: string;
  private readonly base: string;

  constructor(private readonly volume: S3Volume) {
    this.host = new URL(volume.publicEndpoint).host;
    this.base = `/${volume.bucket}/${volume.prefix}`;
  }

  /** @param key within the volume, of letters, digits and slashes only @param now milliseconds since the epoch */
  get(key: string, overrides: ResponseOverrides, now: number): string {
    const time = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
    this.keyOf(time.slice(0, 8));
    // In the order of their names, as the signature wants them.
    const query =
      `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${this.credential}&X-Amz-Date=${time}` +
      `&X-Amz-Expires=${this.volume.urlTtl}&X-Amz-SignedHeaders=host` +
      `&response-content-disposition=${encode(overrides.contentDisposition)}` +
      `&response-content-type=${encode(overrides.contentType)}`;
    const path = this.base + key;
    const request = `GET\n${path}\n${query}\nhost:${this.host}\n\nhost\nUNSIGNED-PAYLOAD`;
    const hashed = createHash('sha256').update(request).digest('hex');
    const text = `AWS4-HMAC-SHA256\n${time}\n${this.scope()}\n${hashed}`;
    const signature = createHmac('sha256', this.key).update(text).digest('hex');
    return `${this.volume.publicEndpoint}${path}?${query}&X-Amz-Signature=${signature}`;
  }

  private scope(): string {
    return `${this.day}/${this.volume.region}/s3/aws4_request`;
  }

  private keyOf(day: string): void {
    if (day === this.day) return;
    this.day = day;
    this.credential = encode(`${this.volume.accessKey}/${this.scope()}`);
    this.key = ['aws4_request', 's3', this.volume.region, day].reduceRight<Buffer>(
      (key, part) => createHmac('sha256', key).update(part).digest(),
      Buffer.from(`AWS4${this.volume.secretKey}`),
    );
  }
}

/** RFC 3986 §2.3: everything but the unreserved characters, byte by byte. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
