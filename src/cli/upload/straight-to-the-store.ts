import { Passing, persistently } from '../retry.js';
import { retryAfterOf, type Service } from '../service.js';
import type { SendChunk } from './send-chunks.js';
import type { PartUrl, UploadJson } from './upload-session.js';

/** How many URLs are asked for at a time. */
const BATCH = 100;

/** By presigned URLs; what has expired is asked for again. The service hears of the bytes when the upload is completed. */
export function straightToTheStore({ uploadId, chunkCount, parts = [] }: UploadJson): SendChunk {
  const urls = new Map(parts.map(({ index, url }) => [index, url]));
  /** One request for URLs at a time, whoever lacks one. */
  let asking: Promise<void> = Promise.resolve();
  const urlOf = async (index: number, service: Service): Promise<string> => {
    if (!urls.has(index)) {
      asking = asking.catch(() => undefined).then(() => renew(index, service));
      await asking;
    }
    return urls.get(index) ?? '';
  };
  const renew = async (from: number, service: Service): Promise<void> => {
    if (urls.has(from)) return;
    const indexes = Array.from({ length: Math.min(BATCH, chunkCount - from) }, (_, at) => from + at);
    const path = `/api/v1/uploads/${uploadId}/parts`;
    const { parts: renewed } = await service.json<{ parts: readonly PartUrl[] }>(path, {
      method: 'POST',
      json: { indexes },
    });
    for (const { index, url } of renewed) urls.set(index, url);
  };
  return ({ index }, bytes, service) =>
    persistently(async () => {
      const url = await urlOf(index, service);
      const response = await service.once(new URL(url), { method: 'PUT', body: bytes });
      await response.body?.cancel();
      if (response.ok) return;
      urls.delete(index);
      throw new Passing(`The store answers ${response.status}.`, retryAfterOf(response));
    }, service.patience);
}
