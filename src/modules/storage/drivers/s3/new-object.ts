import { ObjectExists } from '../../object-store.js';
import type { S3Client } from './s3-client.js';
import { StoreError } from './store-problems.js';

/**
 * Milliseconds: without a byte while a part is on its way, or while the store puts the parts together; and from the first attempt in
 * which a part is sent again. Together they keep the promise of a 503 within 20 s (DESIGN §5).
 */
export const WRITE_PATIENCE = 10_000;
export const WRITE_RETRY_FOR = 6_000;

/** An object that is to be. */
export interface NewObject {
  /** Key within the bucket, prefix included. */
  readonly name: string;
  /** Headers under which it may come to be. */
  readonly condition: Readonly<Record<string, string>>;
  /** Before the first request. @throws ObjectExists where the condition alone would not keep it from replacing another */
  readonly requireNew: () => Promise<void>;
}

/**
 * A write never replaces an object (RFC 9110 §13.1.2). Stores that do not know the header may refuse the request for it.
 * @param conditionalWrites whether the store keeps `If-None-Match`; undefined while that is not known
 */
export function newObject(client: S3Client, name: string, conditionalWrites: boolean | undefined): NewObject {
  return {
    name,
    condition: conditionalWrites === false ? {} : { 'If-None-Match': '*' },
    requireNew: () => (conditionalWrites === true ? Promise.resolve() : requireNew(client, name)),
  };
}

/** The whole of a small object. @param sha256 of the bytes, hex @returns the store's entity tag */
export async function putObject(
  client: S3Client,
  { name, condition, requireNew }: NewObject,
  body: Buffer,
  sha256?: string,
): Promise<string | undefined> {
  await requireNew();
  const { headers } = await client.ask({
    method: 'PUT',
    key: name,
    headers: condition,
    body,
    ...(sha256 !== undefined && { sha256 }),
    expect: [200],
    patience: WRITE_PATIENCE,
    retryFor: WRITE_RETRY_FOR,
  });
  return headers.etag;
}

/** @throws StoreError `NotFound` when there is none; StoreAway */
export async function headOf(client: S3Client, name: string): Promise<{ size: number; etag?: string }> {
  const { headers } = await client.ask({ method: 'HEAD', key: name, expect: [200], idempotent: true });
  const { etag } = headers;
  return { size: Number(headers['content-length']), ...(etag !== undefined && { etag }) };
}

/**
 * Where the store would not refuse to replace an object, it is asked whether there is one. Another writer may come between the
 * question and the write; but there is none, since a key is 128 random bits, made for one upload and never used again (RULES 6.1).
 */
async function requireNew(client: S3Client, name: string): Promise<void> {
  try {
    await headOf(client, name);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'NotFound') return;
    throw error;
  }
  throw new ObjectExists('the key is taken');
}
