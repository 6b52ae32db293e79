import { createHmac, type KeyObject } from 'node:crypto';
import type { S3Volume } from '../../../../common/config/config.js';
import { scopeText, sha256, signingKey, signingTime, uriEncode } from './signature-v4.js';

/** What the answer to a presigned GET is to say instead of what the object was stored with. */
export interface ResponseOverrides {
  readonly contentDisposition: string;
  readonly contentType: string;
}

/** At which origin a presigned URL is good, and for how long. */
export interface PresignedFor {
  readonly origin: string;
  /** Seconds. */
  readonly ttl: number;
}

/**
 * Presigned GETs (AWS Signature Version 4, "Authenticating Requests: Using Query Parameters"), without network. What is the same
 * for a day is made once a day: minio's own signing costs four HMACs and several objects for each URL.
 */
export class PresignedUrls {
  readonly origin: string;
  private readonly host: string;
  private readonly base: string;
  private readonly ttl: number;
  private day = '';
  private scope = '';
  private credential = '';
  private key: KeyObject | undefined;

  constructor(
    private readonly volume: S3Volume,
    { origin, ttl }: PresignedFor,
  ) {
    this.origin = origin;
    this.ttl = ttl;
    this.host = new URL(origin).host;
    this.base = `/${volume.bucket}/${volume.prefix}`;
  }

  /**
   * Path and query below `origin`, all of printable ASCII.
   * @param objectKey within the volume, of letters, digits and slashes only
   * @param now milliseconds since the epoch
   */
  get(objectKey: string, now: number, overrides?: ResponseOverrides): string {
    const time = signingTime(now);
    const key = this.keyOf(time.slice(0, 8));
    // In the order of their names, as the signature wants them.
    const query =
      `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${this.credential}&X-Amz-Date=${time}` +
      `&X-Amz-Expires=${this.ttl}&X-Amz-SignedHeaders=host` +
      (overrides === undefined
        ? ''
        : `&response-content-disposition=${uriEncode(overrides.contentDisposition)}` +
          `&response-content-type=${uriEncode(overrides.contentType)}`);
    const path = this.base + objectKey;
    const request = `GET\n${path}\n${query}\nhost:${this.host}\n\nhost\nUNSIGNED-PAYLOAD`;
    const text = `AWS4-HMAC-SHA256\n${time}\n${this.scope}\n${sha256(request)}`;
    const signature = createHmac('sha256', key).update(text).digest('hex');
    return `${path}?${query}&X-Amz-Signature=${signature}`;
  }

  private keyOf(day: string): KeyObject {
    if (this.key !== undefined && day === this.day) return this.key;
    const { region, accessKey, secretKey } = this.volume;
    const scope = { day, region, service: 's3' } as const;
    this.day = day;
    this.scope = scopeText(scope);
    this.credential = uriEncode(`${accessKey}/${this.scope}`);
    return (this.key = signingKey(secretKey, scope));
  }
}
