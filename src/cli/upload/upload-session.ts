import type { FileJson } from '../service.js';

/** An upload in parts, as the service tells of it. */
export interface UploadJson {
  readonly uploadId: string;
  /** Of every chunk but the last, bytes. */
  readonly chunkSize: number;
  readonly chunkCount: number;
  /** Indexes of the chunks that are there. */
  readonly received: readonly number[];
  readonly status?: 'uploading' | 'verifying' | 'completed' | 'failed';
  /** There when it has become one: the service had the content already, or all of it has arrived. */
  readonly file?: FileJson;
  /** Content like this is there; whoever shows to have it too need not send it. */
  readonly challenge?: Challenge;
  /** Where chunks go straight to the store. */
  readonly parts?: readonly PartUrl[];
}

export interface Challenge {
  /** Hex. */
  readonly nonce: string;
  /** Bytes, inclusive. */
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

export interface PartUrl {
  readonly index: number;
  /** Presigned: it is a credential. */
  readonly url: string;
}

export interface Chunk {
  readonly index: number;
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** All chunks of a file, in order. */
export function* chunksOf(
  { chunkSize, chunkCount }: Pick<UploadJson, 'chunkSize' | 'chunkCount'>,
  size: number,
): Generator<Chunk> {
  for (let index = 0; index < chunkCount; index += 1) {
    const offset = index * chunkSize;
    yield { index, offset, length: Math.min(chunkSize, size - offset) };
  }
}
