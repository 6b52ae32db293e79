import { Problem, type ProblemKind } from '../problems/index.js';

const tooManyRequestsKind: ProblemKind = {
  code: 'too-many-requests',
  status: 429,
  title: 'Too many requests',
};

/** @param retryAfter seconds */
export function tooManyRequests(detail: string, retryAfter: number): Problem {
  return new Problem(tooManyRequestsKind, { detail, headers: { 'Retry-After': String(retryAfter) } });
}
