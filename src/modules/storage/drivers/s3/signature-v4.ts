import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';

/** What a signature is good for, beside the request itself (AWS Signature Version 4, "credential scope"). */
export interface CredentialScope {
  /** Such as `20261121`. */
  readonly day: string;
  readonly region: string;
  readonly service: 's3' | 'sts';
}

/** @param now milliseconds since the epoch @returns such as `20261121T100000Z`; its first eight signs are the day */
export function signingTime(now: number): string {
  return new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
}

export function scopeText({ day, region, service }: CredentialScope): string {
  return `${day}/${region}/${service}/aws4_request`;
}

/**
 * Good for a day: whoever signs much keeps it. A KeyObject, since from a Buffer one would be made at each signature, which takes
 * longer than to sign.
 */
export function signingKey(secretKey: string, { day, region, service }: CredentialScope): KeyObject {
  const bytes = [day, region, service, 'aws4_request'].reduce<Buffer>(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    Buffer.from(`AWS4${secretKey}`),
  );
  return createSecretKey(bytes);
}

/** @returns hex */
export function sha256(text: string): string {
  return hash('sha256', text);
}
