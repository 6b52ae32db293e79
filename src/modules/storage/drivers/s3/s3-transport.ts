import { AsyncLocalStorage } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import http, { type Agent, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import type { S3Volume } from '../../../../common/config/config.js';
import { StoreAway } from './store-problems.js';

/** What one request may take. */
export interface RequestLimits {
  /** Milliseconds without progress until the answer begins, connecting included. */
  readonly patience: number;
  readonly signal: AbortSignal | undefined;
}

interface Exchange {
  readonly signal: AbortSignal | undefined;
  readonly answered: (response: IncomingMessage) => void;
}

/** minio's client takes no signal and no deadline, and has its own opinion of answers: these go beside it. */
const exchanges = new AsyncLocalStorage<Exchange>();

/** Whom an exchange is waiting for. */
export interface Watch {
  /** For the store: its time begins anew. */
  readonly store: () => void;
  /** For ourselves, or whoever gives us the bytes: meanwhile the store is not blamed. */
  readonly us: () => void;
}

/**
 * @param send makes one request, and tells the watch when the store has taken some of its body
 * @returns the answer, whatever its status; its body is to be read or destroyed
 */
export function exchange(
  { patience, signal }: RequestLimits,
  send: (watch: Watch) => Promise<unknown>,
): Promise<IncomingMessage> {
  // A socket's own timeout would not do: it takes what the kernel still held for progress, and begins anew.
  const silent = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  const us = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  const store = (): void => {
    if (!over) timer = (timer ?? setTimeout(tooLate, patience)).refresh();
  };
  const tooLate = (): void => {
    silent.abort(new StoreAway(`no byte within ${patience} ms`));
  };
  store();
  const ended = signal === undefined ? silent.signal : AbortSignal.any([signal, silent.signal]);
  return new Promise<IncomingMessage>((resolve, reject) => {
    // What minio's client makes of the answer comes later, or never: it is not heard any more.
    void exchanges.run({ signal: ended, answered: resolve }, () =>
      send({ store, us }).catch((error: unknown) => {
        reject(silent.signal.aborted ? (silent.signal.reason as StoreAway) : (error as Error));
      }),
    );
  }).finally(() => {
    over = true;
    us();
  });
}

/** Idle connections; busy ones are as many as there are requests, since a slow reader keeps its own for long. */
const MAX_FREE_SOCKETS = 64;

export function protocolOf(volume: S3Volume): 'http:' | 'https:' {
  return volume.endpoint.startsWith('https:') ? 'https:' : 'http:';
}

/** Where the store listens, as Node's clients want it: an IPv6 address without its brackets. */
export function addressOf(volume: S3Volume): { readonly hostname: string; readonly port: number } {
  const { hostname, port } = new URL(volume.endpoint);
  const usual = protocolOf(volume) === 'https:' ? 443 : 80;
  return { hostname: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? usual : Number(port) };
}

/** Kept connections to the store. */
export function agentOf(volume: S3Volume): Agent {
  const options = { keepAlive: true, maxFreeSockets: MAX_FREE_SOCKETS };
  if (protocolOf(volume) === 'http:') return new http.Agent(options);
  const ca = volume.caFile === undefined ? undefined : readFileSync(volume.caFile);
  return new https.Agent({ ...options, ...(ca && { ca }) });
}

type Request = (options: RequestOptions, onResponse: (response: IncomingMessage) => void) => ClientRequest;

/** Node's http or https, within an `exchange`: for minio's client and for requests of our own. */
export function transportOf(protocol: 'http:' | 'https:'): Pick<typeof http, 'request'> {
  const { request } = protocol === 'https:' ? https : http;
  const limited: Request = (options) => {
    const current = exchanges.getStore();
    if (current === undefined) throw new Error('a request outside an exchange');
    const { signal, answered } = current;
    const outgoing = request({ ...options, ...(signal && { signal }) }, (response) => {
      // A body that arrives after the request was given up.
      response.on('error', () => undefined);
      // One who refuses a body may leave it unread for ever.
      response.once('end', () => {
        if (!outgoing.writableFinished) outgoing.destroy();
      });
      answered(response);
    });
    return outgoing;
  };
  // It is called in this form only.
  return { request: limited as typeof http.request };
}
