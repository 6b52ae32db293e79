import { type NewObject, WRITE_PATIENCE, WRITE_RETRY_FOR } from './new-object.js';
import type { S3Client } from './s3-client.js';
import { completedTag, completion, errorOf, uploadIdOf } from './s3-documents.js';
import { refusal } from './store-problems.js';
import { uriEncode } from './signature-v4.js';

/** @returns the store's id of the upload */
export async function beginUpload(client: S3Client, name: string): Promise<string> {
  const { body } = await client.ask({
    method: 'POST',
    key: name,
    query: 'uploads=',
    expect: [200],
    patience: WRITE_PATIENCE,
  });
  return uploadIdOf(body);
}

/** @param number from 1 @returns the query of a part, in the order in which it is signed */
export function partQuery(id: string, number: number): string {
  return `partNumber=${number}&uploadId=${uriEncode(id)}`;
}

/**
 * @param etags of the parts, in order
 * @returns the object's entity tag
 */
export async function completeUpload(
  client: S3Client,
  { name, condition }: NewObject,
  id: string,
  etags: readonly string[],
): Promise<string | undefined> {
  const { body } = await client.ask({
    method: 'POST',
    key: name,
    query: `uploadId=${uriEncode(id)}`,
    headers: { ...condition, 'Content-Type': 'application/xml' },
    body: completion(etags),
    expect: [200],
    patience: WRITE_PATIENCE,
    retryFor: WRITE_RETRY_FOR,
  });
  // It may say 200, and then that it failed (S3 API, CompleteMultipartUpload).
  const error = errorOf(body);
  if (error.code !== undefined) throw refusal(200, error);
  return completedTag(body);
}

/** One that is not there any more is no error. */
export async function abortUpload(
  client: S3Client,
  name: string,
  id: string,
  limits: { readonly patience?: number; readonly retryFor?: number } = {},
): Promise<void> {
  await client.ask({
    method: 'DELETE',
    key: name,
    query: `uploadId=${uriEncode(id)}`,
    expect: [200, 204, 404],
    idempotent: true,
    ...limits,
  });
}
