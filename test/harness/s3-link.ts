import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll } from 'vitest';
import { freePort } from '../../scripts/stack/ports.mjs';
import type { S3Volume } from '../../src/common/config/config.js';
import { TestStore } from './object-stores.js';
import { TcpProxy } from './tcp-proxy.js';

export interface S3Link {
  readonly store: TestStore;
  readonly volume: S3Volume;
  /** Between the application and the store. */
  readonly link: TcpProxy;
  /** A port at which every request is answered that it is too much (503 SlowDown). */
  readonly overloaded: number;
  /** For an application whose new blobs go there. */
  readonly env: Record<string, string>;
}

/** A real MinIO behind a link that can fail, and something else that answers as an overloaded store does. */
export function useS3Link(delivery: S3Volume['delivery']): S3Link {
  const used = {} as { -readonly [K in keyof S3Link]: S3Link[K] };
  let overloaded: Server;
  beforeAll(async () => {
    used.store = await TestStore.start('minio');
    used.link = await TcpProxy.to(used.store.port);
    used.volume = await used.store.volume('', used.link.port);
    used.overloaded = await freePort();
    overloaded = createServer((request, response) => {
      request.resume();
      response.writeHead(503, { 'Content-Type': 'application/xml' });
      response.end(request.method === 'HEAD' ? undefined : '<Error><Code>SlowDown</Code></Error>');
    }).listen(used.overloaded, '127.0.0.1');
    const { endpoint, bucket, accessKey, secretKey } = used.volume;
    used.env = {
      S3_ENDPOINT: endpoint,
      S3_BUCKET: bucket,
      S3_ACCESS_KEY: accessKey,
      S3_SECRET_KEY: secretKey,
      S3_DELIVERY: delivery,
      DEFAULT_VOLUME: 's3',
    };
  }, 90_000);
  afterAll(async () => {
    overloaded.close();
    overloaded.closeAllConnections();
    await used.link.refuse();
    await used.store.stop();
  });
  return used;
}
