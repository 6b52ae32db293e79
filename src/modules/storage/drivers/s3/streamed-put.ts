import type { Agent } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { S3Volume } from '../../../../common/config/config.js';
import { chunksOf } from '../../reusing-readable.js';
import { addressOf, protocolOf, transportOf, type Watch } from './s3-transport.js';
import { authorization, sign, signingTime } from './signature-v4.js';
import { SIGNED_CHUNKS, signedChunks, signedLength } from './signed-chunks.js';

/** A body that is not there yet. */
export interface StreamedPut {
  /** Key within the bucket, prefix included. */
  readonly key: string;
  /** Encoded, its members in the order of their names. */
  readonly query: string;
  /** It is consumed, or destroyed on failure. */
  readonly source: Readable;
  /** Bytes that it is to have. */
  readonly size: number;
  readonly signal: AbortSignal;
  /** Milliseconds in which the store takes nothing, though there is something, or does not answer. */
  readonly patience: number;
}

/**
 * Sends it once, within an `exchange`. Holds one piece of the body.
 * @returns never: the answer is heard by the exchange
 * @throws PartLength, SourceFailed, what the socket fails with
 */
export function putStreamed(
  volume: S3Volume,
  agent: Agent,
  { key, query, source, size }: StreamedPut,
  watch: Watch,
): Promise<never> {
  const { accessKey, secretKey, region, bucket, endpoint } = volume;
  const path = `/${bucket}/${key}`;
  const time = signingTime(Date.now());
  const headers = {
    'content-encoding': 'aws-chunked',
    'content-length': String(signedLength(size)),
    host: new URL(endpoint).host,
    'x-amz-content-sha256': SIGNED_CHUNKS,
    'x-amz-date': time,
    'x-amz-decoded-content-length': String(size),
  };
  const request = { method: 'PUT', path, query, headers, payload: SIGNED_CHUNKS };
  const seed = sign(request, secretKey, { day: time.slice(0, 8), region, service: 's3' }, time);
  const protocol = protocolOf(volume);
  const outgoing = transportOf(protocol).request({
    protocol,
    ...addressOf(volume),
    agent,
    method: 'PUT',
    path: `${path}?${query}`,
    headers: { ...headers, authorization: authorization(accessKey, seed) },
  });
  // A source that is waited for does not hear that nobody wants it any more.
  outgoing.once('close', () => source.destroy());
  return new Promise((_, reject) => {
    outgoing.once('error', reject);
    pipeline(signedChunks(seed, watched(source, watch), size), outgoing).catch(reject);
  });
}

/** It is not the store's fault: the source failed, or closed without an end. */
export class SourceFailed extends Error {
  override readonly name = 'SourceFailed';
}

/** The store has nothing to take, and is not hurried, while the source is waited for. */
async function* watched(source: Readable, { store, us }: Watch): AsyncGenerator<Buffer, void> {
  us();
  try {
    for await (const chunk of chunksOf(source)) {
      store();
      yield chunk;
      us();
    }
  } catch (error) {
    throw new SourceFailed('the source of a body broke', { cause: error });
  }
  store();
}
