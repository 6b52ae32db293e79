import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type ContentFacts, ContentDigest } from './content-digest.js';
import type { ObjectKey } from './object-key.js';
import { ObjectNotFound, type ObjectStore } from './object-store.js';
import { isContentMissing } from './storage.problems.js';

/** What became of an object that was stored with these facts. */
export const OBJECT_VERDICTS = ['intact', 'missing', 'size-differs', 'hash-differs'] as const;
export type ObjectVerdict = (typeof OBJECT_VERDICTS)[number];

/** The verdict, and as much of what is there now as had to be looked at for it. */
export interface Verification {
  readonly verdict: ObjectVerdict;
  /** Bytes. */
  readonly foundSize?: number;
  readonly foundSha256?: string;
}

/**
 * Reads the object to its end, unless its size already tells.
 * @throws what the store throws when it cannot tell: no verdict then; AbortError
 */
export async function verifyObject(
  store: ObjectStore,
  key: ObjectKey,
  { size, sha256 }: Pick<ContentFacts, 'size' | 'sha256'>,
  signal: AbortSignal,
): Promise<Verification> {
  try {
    const foundSize = await store.size(key);
    if (foundSize !== size) return { verdict: 'size-differs', foundSize };
    const found = await readFacts(await openWhole(store, key, size, signal));
    return {
      verdict: found.sha256 === sha256 ? 'intact' : 'hash-differs',
      foundSize,
      foundSha256: found.sha256,
    };
  } catch (error) {
    if (error instanceof ObjectNotFound) return { verdict: 'missing' };
    // It has changed since its size was asked for.
    if (isContentMissing(error)) return { verdict: 'size-differs' };
    throw error;
  }
}

/** All bytes of an object, whose size is known; of an empty one there is no range to ask for. */
export async function openWhole(
  store: ObjectStore,
  key: ObjectKey,
  size: number,
  signal: AbortSignal,
): Promise<Readable> {
  signal.throwIfAborted();
  return size === 0 ? Readable.from([]) : store.read(key, { first: 0, last: size - 1 }, signal);
}

async function readFacts(source: Readable): Promise<ContentFacts> {
  const digest = new ContentDigest();
  await finished(digest.through(source).resume());
  return digest.facts();
}
