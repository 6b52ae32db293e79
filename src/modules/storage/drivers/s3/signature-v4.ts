import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';

/** What a signature is good for, beside the request itself (AWS Signature Version 4, "credential scope"). */
export interface CredentialScope {
  /** Such as `20261121`. */
  readonly day: string;
  readonly region: string;
  readonly service: 's3' | 'sts';
}

/** Who signs. */
export interface SigningCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** A request as it is signed. */
export interface SignableRequest {
  readonly method: string;
  /** Encoded. */
  readonly path: string;
  /** Encoded, its members in the order of their names, each with its `=`. */
  readonly query?: string;
  /** Those that are signed: names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body in hex, or the word that stands for it. */
  readonly payload: string;
}

/** A signature, and what the next one of the same body needs. */
export interface Signature {
  /** Such as `20261121T100000Z`. */
  readonly time: string;
  readonly scope: string;
  readonly key: KeyObject;
  /** Names of the signed headers, as the signature lists them. */
  readonly names: string;
  /** Hex. */
  readonly signature: string;
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
export function sha256(bytes: string | Buffer): string {
  return hash('sha256', bytes);
}

/** AWS Signature Version 4, "Create a signed request". */
export function sign(
  { method, path, query = '', headers, payload }: SignableRequest,
  secretKey: string,
  scope: CredentialScope,
  time: string,
): Signature {
  const names = namesOf(headers);
  const lines = names.map((name) => `${name}:${headers[name] ?? ''}\n`);
  const list = names.join(';');
  const request = `${method}\n${path}\n${query}\n${lines.join('')}\n${list}\n${payload}`;
  const key = signingKey(secretKey, scope);
  const signature = createHmac('sha256', key)
    .update(`AWS4-HMAC-SHA256\n${time}\n${scopeText(scope)}\n${sha256(request)}`)
    .digest('hex');
  return { time, scope: scopeText(scope), key, names: list, signature };
}

/** @returns names of the headers that a signature is to cover, in its order */
export function namesOf(headers: Readonly<Record<string, string>>): string[] {
  return Object.keys(headers).sort();
}

/** The value of `Authorization` ("Authenticating Requests: Using the Authorization Header"). */
export function authorization(accessKey: string, { scope, names, signature }: Signature): string {
  return `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
}

/** RFC 3986 §2.3: everything but the unreserved characters, byte by byte. */
export function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
