import { type Problem } from '../problems/problem.js';
import { unavailable } from '../problems/common.problems.js';

/**
 * What ioredis and a Redis that cannot serve say: by the first word of a server reply, or by our client's text. EXECABORT: one
 * of the others came within a MULTI.
 */
const CANNOT_SERVE =
  /^(LOADING|BUSY|MASTERDOWN|READONLY|MISCONF|OOM|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|NOAUTH|EXECABORT)\b/;
const CONNECTION_LOST =
  /Command timed out|Connection is closed|Stream isn't writeable|max retries per request|enableOfflineQueue/;

/** 503 for a Redis that cannot be reached, does not answer in time or refuses to serve. */
export function redisProblem(error: unknown): Problem | undefined {
  if (!(error instanceof Error)) return undefined;
  return CANNOT_SERVE.test(error.message) || CONNECTION_LOST.test(error.message)
    ? unavailable('Redis', error)
    : undefined;
}
