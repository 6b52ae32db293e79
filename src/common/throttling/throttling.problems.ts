import { Problem, type ProblemKind } from '../problems/index.js';

const tooManyRequestsKind: ProblemKind = {
  code: 'too-many-requests',
  status: 429,
  title: 'Too many requests',
};

/** A limit as the answer tells it (draft-ietf-httpapi-ratelimit-headers-10). */
export interface ExhaustedLimit {
  /** Seconds. */
  readonly retryAfter: number;
  readonly counter: string;
  readonly limit: number;
  /** Seconds. */
  readonly window: number;
}

/** @param limit with `retryAfter` alone where the headers of the limit are set already, seconds */
export function tooManyRequests(detail: string, limit: number | ExhaustedLimit): Problem {
  if (typeof limit === 'number') {
    return new Problem(tooManyRequestsKind, { detail, headers: { 'Retry-After': String(limit) } });
  }
  const { retryAfter, counter, limit: quota, window } = limit;
  return new Problem(tooManyRequestsKind, {
    detail,
    headers: {
      'Retry-After': String(retryAfter),
      'RateLimit-Policy': `"${counter}";q=${quota};w=${window}`,
      RateLimit: `"${counter}";r=0;t=${retryAfter}`,
    },
  });
}
