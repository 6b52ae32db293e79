import type { S3Volume } from '../../../../common/config/config.js';
import { presign, type PresigningCredentials } from './presign.js';
import { signingTime } from './signature-v4.js';

/** A PUT of one part. */
export interface PresignedPart {
  /** Key within the bucket, prefix included. */
  readonly name: string;
  /** The store's id of the upload. */
  readonly upload: string;
  /** From 1. */
  readonly number: number;
  /** Bytes: the URL is good for no other length. */
  readonly size: number;
}

/** @param life `now` in milliseconds since the epoch, `ttl` in seconds @returns a URL below `origin` */
export function presignedPart(
  { bucket, region }: Pick<S3Volume, 'bucket' | 'region'>,
  origin: string,
  { name, upload, number, size }: PresignedPart,
  credentials: PresigningCredentials,
  { now, ttl }: { readonly now: number; readonly ttl: number },
): string {
  const time = signingTime(now);
  const request = {
    method: 'PUT',
    path: `/${bucket}/${name}`,
    query: { partNumber: String(number), uploadId: upload },
    headers: { host: new URL(origin).host, 'content-length': String(size) },
  };
  const scope = { day: time.slice(0, 8), region, service: 's3' } as const;
  return origin + presign(request, credentials, scope, { time, ttl });
}
