import {
  type CredentialScope,
  namesOf,
  scopeText,
  sign,
  type SigningCredentials,
  uriEncode,
} from './signature-v4.js';

/** A request that somebody else is to make. */
export interface PresignableRequest {
  readonly method: string;
  /** Encoded. */
  readonly path: string;
  /** Its own members, not encoded. */
  readonly query?: Readonly<Record<string, string>>;
  /** That it must have, with exactly these values; names in small letters, `host` among them. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface PresigningCredentials extends SigningCredentials {
  /** Of temporary ones. */
  readonly sessionToken?: string;
}

/**
 * Path and query that are good for one request whose body nobody has signed (AWS Signature Version 4, "Authenticating Requests: Using
 * Query Parameters").
 * @param time of `signingTime`
 * @param ttl seconds
 */
export function presign(
  { method, path, query, headers }: PresignableRequest,
  { accessKey, secretKey, sessionToken }: PresigningCredentials,
  scope: CredentialScope,
  { time, ttl }: { readonly time: string; readonly ttl: number },
): string {
  const members: Record<string, string> = {
    ...query,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${accessKey}/${scopeText(scope)}`,
    'X-Amz-Date': time,
    'X-Amz-Expires': String(ttl),
    'X-Amz-SignedHeaders': namesOf(headers).join(';'),
    ...(sessionToken !== undefined && { 'X-Amz-Security-Token': sessionToken }),
  };
  const signed = namesOf(members)
    .map((name) => `${uriEncode(name)}=${uriEncode(members[name] ?? '')}`)
    .join('&');
  const request = { method, path, query: signed, headers, payload: 'UNSIGNED-PAYLOAD' };
  const { signature } = sign(request, secretKey, scope, time);
  return `${path}?${signed}&X-Amz-Signature=${signature}`;
}
