import { text } from 'node:stream/consumers';
import type { S3Volume } from '../../../../common/config/config.js';
import { abortUpload, beginUpload } from './multipart-requests.js';
import { presignedPart } from './presigned-part.js';
import type { S3Client } from './s3-client.js';
import { listedParts } from './s3-documents.js';
import { addressOf, agentOf, exchange, protocolOf, transportOf } from './s3-transport.js';
import { uriEncode } from './signature-v4.js';
import { WRITE_PROBE } from './store-abilities.js';
import { storeFault } from './store-fault.js';
import { StoreAway, StoreError } from './store-problems.js';

/** Milliseconds for one request, and seconds that its URL lives. */
const PATIENCE = 5_000;
const TTL = 60;

/**
 * Tries what the holder of a URL for a part could do: copy another object into it by a header that nobody has signed.
 * @returns whether the store does not do it
 * @throws StoreFault when it does not answer
 */
export async function probeUnsignedCopies(client: S3Client, volume: S3Volume): Promise<boolean> {
  const name = volume.prefix + WRITE_PROBE;
  try {
    const upload = await beginUpload(client, name);
    try {
      const put = (headers: Record<string, string>) => putByte(volume, name, upload, headers);
      // Only where presigned parts are taken at all does a refusal say something.
      if ((await put({})) !== 200) return false;
      const status = await put({ 'x-amz-copy-source': `/${volume.bucket}/${name}` });
      if (status === 403) return true;
      // The probe is empty: what has a byte is not a copy of it.
      const query = `uploadId=${uriEncode(upload)}`;
      const { body } = await client.ask({ method: 'GET', key: name, query, expect: [200] });
      return status === 200 && listedParts(body)[0]?.size === 1;
    } finally {
      await abortUpload(client, name, upload);
    }
  } catch (error) {
    if (error instanceof StoreError) return false;
    throw storeFault(error, volume, { to: 'send a part', right: 's3:PutObject' });
  }
}

/** As somebody with the URL would. @returns the status */
async function putByte(
  volume: S3Volume,
  name: string,
  upload: string,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  const part = { name, upload, number: 1, size: 1 };
  const url = new URL(presignedPart(volume, volume.endpoint, part, volume, { now: Date.now(), ttl: TTL }));
  const protocol = protocolOf(volume);
  const options = {
    protocol,
    ...addressOf(volume),
    method: 'PUT',
    path: url.pathname + url.search,
    agent: agentOf(volume),
    headers: { ...headers, host: url.host, 'content-length': '1' },
  };
  try {
    const response = await exchange(
      { patience: PATIENCE, signal: AbortSignal.timeout(PATIENCE) },
      () =>
        new Promise((_, reject) => {
          transportOf(protocol).request(options).on('error', reject).end('x');
        }),
    );
    await text(response);
    return response.statusCode ?? 0;
  } catch (error) {
    throw error instanceof StoreAway ? error : new StoreAway('a part is not answered', { cause: error });
  }
}
