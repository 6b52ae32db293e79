import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { Api } from './api.js';
import type { Answer, Request } from './http.js';

/** Those that are undefined are left out. */
type TusHeaders = Record<string, string | number | undefined>;

export const TUS = { 'Tus-Resumable': '1.0.0' };
export const OFFSET_TYPE = 'application/offset+octet-stream';

/** `Upload-Metadata` of these values. */
export function tusMetadata(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',');
}

export function tusChecksum(algorithm: 'sha1' | 'sha256' | 'md5', bytes: Buffer): string {
  return `${algorithm} ${createHash(algorithm).update(bytes).digest('base64')}`;
}

/** A request of the protocol. */
export function tusRequest(
  api: Api,
  method: string,
  path: string,
  headers: TusHeaders = {},
  body?: Request['body'],
): Promise<Answer> {
  const length = Buffer.isBuffer(body) ? { 'Content-Length': body.length } : {};
  const all: TusHeaders = { ...TUS, ...length, ...headers };
  const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return api.send(path, { method, headers: sent, ...(body !== undefined && { body }), timeout: 60_000 });
}

/** @returns the path of a new upload */
export async function tusCreate(
  api: Api,
  size: number,
  metadata: Record<string, string> = {},
): Promise<string> {
  const answer = await tusRequest(api, 'POST', '/api/v1/tus', {
    'Upload-Length': size,
    'Upload-Metadata': tusMetadata({ filename: 'a.bin', ...metadata }),
  });
  expect(answer.status, answer.text).toBe(201);
  return answer.headers.location ?? '';
}

export function tusPatch(
  api: Api,
  path: string,
  offset: number | string,
  body: Request['body'],
  headers: TusHeaders = {},
): Promise<Answer> {
  return tusRequest(
    api,
    'PATCH',
    path,
    { 'Upload-Offset': offset, 'Content-Type': OFFSET_TYPE, ...headers },
    body,
  );
}

export async function tusOffset(api: Api, path: string): Promise<number> {
  const answer = await tusRequest(api, 'HEAD', path);
  expect(answer.status, JSON.stringify(answer.headers)).toBe(200);
  return Number(answer.headers['upload-offset']);
}

/** The file that an upload has become. */
export function fileIdOf({ status, text, headers }: Answer): string {
  expect({ text, fileId: headers['x-file-id'] }).toMatchObject({ fileId: expect.any(String) as unknown });
  expect(status).toBeLessThan(300);
  return String(headers['x-file-id']);
}
