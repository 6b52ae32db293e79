import { AsyncLocalStorage } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import http, { type Agent, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import type { S3Volume } from '../../../../common/config/config.js';
import { StoreAway } from './store-problems.js';

/** What one request may take. */
export interface RequestLimits {
  /** Milliseconds without a byte in either direction, connecting included. */
  readonly patience: number;
  readonly signal: AbortSignal | undefined;
}

/** minio's client takes no signal and no deadline: they come to the transport beside it. */
const limits = new AsyncLocalStorage<RequestLimits>();

export function withLimits<T>(given: RequestLimits, work: () => Promise<T>): Promise<T> {
  return limits.run(given, work);
}

const MAX_SOCKETS = 256;

export function protocolOf(volume: S3Volume): 'http:' | 'https:' {
  return volume.endpoint.startsWith('https:') ? 'https:' : 'http:';
}

/** Kept connections to the store. */
export function agentOf(volume: S3Volume): Agent {
  const options = { keepAlive: true, maxSockets: MAX_SOCKETS };
  if (protocolOf(volume) === 'http:') return new http.Agent(options);
  const ca = volume.caFile === undefined ? undefined : readFileSync(volume.caFile);
  return new https.Agent({ ...options, ...(ca && { ca }) });
}

/** Statuses that say "not now". */
const AWAY = new Set([429, 500, 502, 503, 504]);

type Request = (options: RequestOptions, onResponse: (response: IncomingMessage) => void) => ClientRequest;

/** Node's http or https with deadlines; an answer that says "not now" is read to its end and becomes a `StoreAway`. */
export function transportOf(protocol: 'http:' | 'https:'): Pick<typeof http, 'request'> {
  const { request } = protocol === 'https:' ? https : http;
  const limited: Request = (options, onResponse) => {
    const { patience, signal } = limits.getStore() ?? { patience: 5_000, signal: undefined };
    const outgoing = request({ ...options, ...(signal && { signal }) }, (response) => {
      const status = response.statusCode ?? 0;
      if (!AWAY.has(status)) {
        onResponse(response);
        return;
      }
      // A body that nobody reads would keep its connection for ever.
      response.on('error', () => undefined).resume();
      outgoing.emit('error', new StoreAway(`the store answered ${status}`));
    });
    outgoing.setTimeout(patience, () => {
      outgoing.destroy(new StoreAway(`no byte within ${patience} ms`));
    });
    return outgoing;
  };
  // minio's client calls it in this form only.
  return { request: limited as typeof http.request };
}
