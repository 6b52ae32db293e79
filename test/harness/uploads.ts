import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { Readable } from 'node:stream';
import type { Api, FileJson } from './api.js';
import type { Answer } from './http.js';

export const MEBIBYTE = 2 ** 20;

export interface UploadJson {
  readonly uploadId: string;
  readonly filename: string;
  readonly size: number;
  readonly status: string;
  readonly chunkSize: number;
  readonly chunkCount: number;
  readonly received: readonly number[];
  readonly expiresAt: string;
  readonly failure?: string;
  readonly file?: FileJson;
}

/** What a client says of a file; without a size that of the bytes. */
export interface Announcement {
  readonly filename?: string;
  readonly size?: number;
  readonly [member: string]: unknown;
}

export async function beginUpload(api: Api, announcement: Announcement): Promise<UploadJson> {
  const answer = await api.post('/api/v1/uploads', { filename: 'a.bin', ...announcement });
  expect(answer.status, answer.text).toBe(201);
  return answer.json as UploadJson;
}

/** The bytes of one chunk. */
export function chunkOf(bytes: Buffer, { chunkSize }: { chunkSize: number }, index: number): Buffer {
  return bytes.subarray(index * chunkSize, (index + 1) * chunkSize);
}

export function putChunk(
  api: Api,
  { uploadId }: { uploadId: string },
  index: number | string,
  body: Buffer,
  headers: Record<string, string | number> = {},
): Promise<Answer> {
  return api.send(`/api/v1/uploads/${uploadId}/chunks/${index}`, {
    method: 'PUT',
    body,
    headers: { 'Content-Type': 'application/octet-stream', 'Content-Length': body.length, ...headers },
    timeout: 60_000,
  });
}

export function completeUpload(api: Api, { uploadId }: { uploadId: string }): Promise<Answer> {
  return api.send(`/api/v1/uploads/${uploadId}/complete`, { method: 'POST', timeout: 60_000 });
}

export async function getUpload(api: Api, { uploadId }: { uploadId: string }): Promise<UploadJson> {
  const answer = await api.send(`/api/v1/uploads/${uploadId}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.json as UploadJson;
}

/** All chunks, in this order. */
export async function putChunks(
  api: Api,
  upload: UploadJson,
  bytes: Buffer,
  indexes: readonly number[] = [...Array(upload.chunkCount).keys()],
): Promise<void> {
  for (const index of indexes) {
    const answer = await putChunk(api, upload, index, chunkOf(bytes, upload, index));
    expect(answer.status, answer.text).toBe(204);
  }
}

export async function completed(api: Api, upload: { uploadId: string }): Promise<FileJson> {
  const answer = await completeUpload(api, upload);
  expect(answer.status, answer.text).toBe(201);
  return answer.json as FileJson;
}

/** A whole upload in chunks. */
export async function uploadInChunks(
  api: Api,
  bytes: Buffer,
  announcement: Announcement = {},
): Promise<FileJson> {
  const upload = await beginUpload(api, { size: bytes.length, chunkSize: 2 * MEBIBYTE, ...announcement });
  await putChunks(api, upload, bytes);
  return completed(api, upload);
}

/** The file that an upload has become. */
export function fileOf({ uploadId, file }: UploadJson): FileJson {
  if (file === undefined) throw new Error(`the upload ${uploadId} is no file`);
  return file;
}

/** A whole upload whose bytes are never held: each chunk is `piece` again and again behind a mark of its own. */
export async function uploadPieces(
  api: Api,
  mark: number,
  piece: Buffer,
  announcement: Announcement & { readonly size: number },
): Promise<FileJson> {
  const upload = await beginUpload(api, announcement);
  for (let index = 0; index < upload.chunkCount; index += 1) {
    const size = Math.min(upload.chunkSize, upload.size - index * upload.chunkSize);
    const first = Buffer.from(piece);
    first.writeUInt32BE(mark);
    const body = Readable.from(
      (function* () {
        for (let sent = 0; sent < size; sent += piece.length)
          yield (sent === 0 ? first : piece).subarray(0, size - sent);
      })(),
    );
    const answer = await api.send(`/api/v1/uploads/${upload.uploadId}/chunks/${index}`, {
      method: 'PUT',
      body,
      headers: { 'Content-Type': 'application/octet-stream', 'Content-Length': size },
      timeout: 180_000,
    });
    expect(answer.status, answer.text).toBe(204);
  }
  const answer = await api.send(`/api/v1/uploads/${upload.uploadId}/complete`, {
    method: 'POST',
    timeout: 180_000,
  });
  expect(answer.status, answer.text).toBe(201);
  return answer.json as FileJson;
}

export const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** RFC 9530. */
export const contentDigest = (bytes: Buffer): string =>
  `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
