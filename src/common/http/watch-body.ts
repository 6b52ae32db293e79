import type { FastifyRequest } from 'fastify';
import { payloadTooLarge, Problem, requestTimeout } from '../problems/index.js';

/** What a request body may be and must be while it arrives. */
export interface BodyLimits {
  /** Bytes of the whole body, whatever its parts. */
  readonly maxBytes: number;
  /** Bytes per second, on average over `window`: a slower one holds a connection for nothing. */
  readonly minRate: number;
  /** Seconds. */
  readonly window: number;
}

const TICK = 1_000;

/**
 * Does `work` while the body of `request` arrives, and gives up when the body breaks a limit or its client goes away: then `signal` is aborted,
 * and the promise rejects at once, without waiting for a parser that would go on reading.
 * @throws Problem `payload-too-large` (413), `request-timeout` (408; also, though nobody hears it, for a client that went away)
 */
export async function watchBody<T>(
  request: FastifyRequest,
  limits: BodyLimits,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { raw } = request;
  const abort = new AbortController();
  const start = raw.socket.bytesRead;
  const history: number[] = [0];
  const check = (): void => {
    if (raw.complete) return;
    const received = raw.socket.bytesRead - start;
    if (received > limits.maxBytes) abort.abort(new Problem(payloadTooLarge));
    history.push(received);
    const past = history.length > limits.window ? history.shift() : undefined;
    if (past !== undefined && received - past < limits.minRate * limits.window) abort.abort(tooSlow());
  };
  const timer = setInterval(check, TICK);
  // "close" also comes after a body that arrived whole, while its last bytes are still on their way to the disk.
  const closed = (): void => {
    if (!raw.complete) abort.abort(new Problem(requestTimeout, { cause: 'the client went away' }));
  };
  raw.once('close', closed);
  const broken = new Promise<never>((_, reject) => {
    abort.signal.addEventListener('abort', () => {
      reject(abort.signal.reason as Problem);
    });
  });
  // Gone while something else was waited for.
  if (raw.destroyed) closed();
  try {
    return await Promise.race([work(abort.signal), broken]);
  } finally {
    clearInterval(timer);
    raw.off('close', closed);
  }
}

function tooSlow(): Problem {
  return new Problem(requestTimeout, { detail: 'The body arrived too slowly.' });
}
