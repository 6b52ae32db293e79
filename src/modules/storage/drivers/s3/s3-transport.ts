import { AsyncLocalStorage } from 'node:async_hooks';
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import { StoreAway } from './store-problems.js';

/** What one request may take. */
export interface RequestLimits {
  /** Milliseconds without a byte in either direction until the answer begins, connecting included. */
  readonly patience: number;
  readonly signal: AbortSignal | undefined;
}

interface Exchange extends RequestLimits {
  readonly answered: (response: IncomingMessage) => void;
}

/** minio's client takes no signal and no deadline, and has its own opinion of answers: these go beside it. */
const exchanges = new AsyncLocalStorage<Exchange>();

/**
 * @param send makes one request with minio's client
 * @returns the answer, whatever its status; its body is to be read or destroyed
 */
export function exchange(limits: RequestLimits, send: () => Promise<unknown>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // What minio's client makes of the answer comes later, or never: it is not heard any more.
    void exchanges.run({ ...limits, answered: resolve }, () => send().catch(reject));
  });
}

type Request = (options: RequestOptions, onResponse: (response: IncomingMessage) => void) => ClientRequest;

/** Node's http or https, for minio's client within an `exchange`. */
export function transportOf(protocol: 'http:' | 'https:'): Pick<typeof http, 'request'> {
  const { request } = protocol === 'https:' ? https : http;
  const limited: Request = (options) => {
    const current = exchanges.getStore();
    if (current === undefined) throw new Error('a request outside an exchange');
    const { patience, signal, answered } = current;
    const outgoing = request({ ...options, timeout: patience, ...(signal && { signal }) }, (response) => {
      // From here on the reader of the body waits, or does not.
      response.setTimeout(0);
      // A body that arrives after the request was given up.
      response.on('error', () => undefined);
      answered(response);
    });
    return outgoing.once('timeout', () => {
      outgoing.destroy(new StoreAway(`no byte within ${patience} ms`));
    });
  };
  // minio's client calls it in this form only.
  return { request: limited as typeof http.request };
}
