import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { Api, FileJson } from './api.js';

/** Times that a client goes on where it was cut off, before it gives up. */
const PATIENCE = 5;

/** What a client that resumes has seen of one download. */
export interface WholeDownload {
  /** Times that the connection was cut, and the rest was asked for. */
  readonly cut: number;
}

/**
 * A download as curl, wget and browsers do it: redirects are followed, and what is cut off is asked for again from there.
 * @param headers of the first request, which say how it is to be answered
 * @param pause awaited when the first bytes are there; until then no more are read
 * @throws Error for every status but 200 and 206, and for other bytes than the file's
 */
export async function downloadWhole(
  api: Api,
  file: FileJson,
  { headers = {}, pause }: { headers?: Record<string, string>; pause?: Promise<unknown> } = {},
): Promise<WholeDownload> {
  const hash = createHash('sha256');
  let received = 0;
  for (let cut = 0; ; cut += 1) {
    const response = await ask(api, file, received, headers);
    const expected = received === 0 ? 200 : 206;
    if (response.statusCode !== expected) {
      response.destroy();
      throw new Error(`status ${String(response.statusCode)} for the bytes from ${received}`);
    }
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        hash.update(chunk);
        received += chunk.length;
        await pause;
      }
      if (received !== file.size || hash.digest('hex') !== file.sha256) throw new WrongBytes(`${received}`);
      return { cut };
    } catch (error) {
      if (error instanceof WrongBytes || cut === PATIENCE) throw error;
    }
  }
}

class WrongBytes extends Error {
  override readonly name = 'WrongBytes';
}

async function ask(
  { origin, token = '' }: Api,
  file: FileJson,
  from: number,
  headers: Record<string, string>,
): Promise<IncomingMessage> {
  const range = from === 0 ? {} : { Range: `bytes=${from}-` };
  const first = await answerOf(`${origin}/download/${file.id}`, {
    ...range,
    ...(from > 0 ? { 'If-Range': `"${file.sha256}"` } : headers),
    Authorization: `Bearer ${token}`,
  });
  if (first.statusCode !== 302) return first;
  first.resume();
  return answerOf(first.headers.location ?? '', range);
}

async function answerOf(url: string, headers: Record<string, string>): Promise<IncomingMessage> {
  const request = get(url, { agent: false, headers, timeout: 15_000 });
  request.on('timeout', () => request.destroy(new Error('no byte within 15 s')));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  // From here on the body tells what happens.
  request.on('error', () => undefined);
  return response;
}
