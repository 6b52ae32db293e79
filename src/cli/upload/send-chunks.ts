import { createHash } from 'node:crypto';
import type { Progress } from '../progress.js';
import type { Service } from '../service.js';
import type { SourceFile } from './source-file.js';
import { type Chunk, chunksOf, type UploadJson } from './upload-session.js';

/** Sends one chunk; resolves when the other side has it for good. */
export type SendChunk = (chunk: Chunk, bytes: Buffer<ArrayBuffer>, service: Service) => Promise<void>;

export interface Sending {
  readonly service: Service;
  readonly source: SourceFile;
  readonly upload: UploadJson;
  /** Chunks on their way at once; so many are in memory, and one more. */
  readonly parallel: number;
  readonly progress: Progress;
}

/**
 * Reads the file once from its beginning to its end and sends the chunks that are missing, several side by side.
 * @param known SHA-256 of the file, hex; then what is there already need not be read
 * @returns SHA-256 of all that was read, hex
 */
export async function sendChunks(
  { service, source, upload, parallel, progress }: Sending,
  send: SendChunk,
  known?: string,
): Promise<string> {
  const received = new Set(upload.received);
  const hash = createHash('sha256');
  const failed = new AbortController();
  const lines = service.until(failed.signal);
  const onTheirWay = new Set<Promise<void>>();
  const sendOne = async (chunk: Chunk, bytes: Buffer<ArrayBuffer>): Promise<void> => {
    await send(chunk, bytes, lines);
    progress.add(chunk.length);
  };
  try {
    for (const chunk of chunksOf(upload, source.size)) {
      const isThere = received.has(chunk.index);
      if (isThere && known !== undefined) continue;
      const bytes = await source.read(chunk.offset, chunk.length);
      if (known === undefined) hash.update(bytes);
      service.patience.signal.throwIfAborted();
      if (isThere) continue;
      while (onTheirWay.size >= parallel) await Promise.race(onTheirWay);
      const sent = sendOne(chunk, bytes).finally(() => onTheirWay.delete(sent));
      // Whoever waits for it hears of its failure; until then it is nobody's.
      sent.catch(() => undefined);
      onTheirWay.add(sent);
    }
    await Promise.all(onTheirWay);
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled(onTheirWay);
    throw error;
  }
  return known ?? hash.digest('hex');
}

/** To the service: it takes a chunk only when its digest is right (RFC 9530), and the same chunk again at any time. */
export function throughTheService(uploadId: string): SendChunk {
  return async ({ index }, bytes, service) => {
    const digest = createHash('sha256').update(bytes).digest('base64');
    await service.send(`/api/v1/uploads/${uploadId}/chunks/${index}`, {
      method: 'PUT',
      body: bytes,
      headers: { 'Content-Type': 'application/octet-stream', 'Content-Digest': `sha-256=:${digest}:` },
    });
  };
}
