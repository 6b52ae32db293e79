import type { PartPlace } from '../../storage/index.js';

const MEBIBYTE = 2 ** 20;

/** What a client may ask for, bytes. */
export const MIN_CHUNK_SIZE = 2 * MEBIBYTE;
export const MAX_CHUNK_SIZE = 64 * MEBIBYTE;

/** Chunks of one upload: what S3 takes as parts, and a list that is still short. */
const MAX_CHUNKS = 10_000;

/**
 * The size of an upload's chunks: what the client has asked for, or more where the store or the number of chunks wants it (RULES 6.3).
 * @param least bytes that the store wants in a part
 */
export function chunkSizeFor(size: number, asked: number, least: number): number {
  const fewEnough = Math.ceil(size / MAX_CHUNKS / MEBIBYTE) * MEBIBYTE;
  return Math.max(asked, least, fewEnough);
}

/** How many chunks there are; a file without bytes has none. */
export function chunkCountOf({ size, chunkSize }: { size: number; chunkSize: number }): number {
  return Math.ceil(size / chunkSize);
}

/** Undefined when there is no such chunk. */
export function chunkPlaceOf(
  upload: { size: number; chunkSize: number },
  index: number,
): PartPlace | undefined {
  if (index >= chunkCountOf(upload)) return undefined;
  const offset = index * upload.chunkSize;
  return { index, offset, size: Math.min(upload.chunkSize, upload.size - offset) };
}
