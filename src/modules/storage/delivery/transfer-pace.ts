import { LocalBucket } from '../shaping/local-bucket.js';
import { shaped } from '../shaping/shaped.js';
import type { Delivery } from './delivery.js';

type Stream = Extract<Delivery, { mode: 'stream' }>;
type Headers = Readonly<Record<string, string>>;

/** nginx keeps a transfer's rate by itself, over an internal redirect too. */
export function nginxLimit({ transferRate }: Pick<Stream, 'transferRate'>): Headers {
  return transferRate === undefined ? {} : { 'X-Accel-Limit-Rate': String(transferRate) };
}

/**
 * What an nginx in front is told of a stream. A shaped one is not to be collected in its buffers: they would take what the others could
 * send. Without them nginx keeps no rate, so the application does.
 */
export function pacingHeaders(delivery: Stream): Headers {
  return delivery.shape === undefined ? nginxLimit(delivery) : { 'X-Accel-Buffering': 'no' };
}

/** The body in the pace of its limits, apart from the one that nginx keeps. */
export function paced(
  body: AsyncIterable<Buffer>,
  { transferRate, shape }: Stream,
  byNginx: boolean,
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  const own = transferRate !== undefined && (shape !== undefined || !byNginx);
  // First its own pace: of the bucket that it shares it takes only what it can send.
  const transfer = own ? shaped(body, new LocalBucket(), () => transferRate, signal) : body;
  return shape?.(transfer, signal) ?? transfer;
}
