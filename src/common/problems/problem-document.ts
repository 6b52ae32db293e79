import type { FieldError, Problem } from './problem.js';

export const PROBLEM_JSON = 'application/problem+json; charset=utf-8';

/** The body of an error answer (RFC 9457 §3.1, with the extension members `code`, `requestId`, `errors`). */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly instance: string;
  readonly code: string;
  readonly requestId: string;
  readonly errors?: readonly FieldError[];
}

/** @param path the request's path, without its query: that may hold a token */
export function problemDocument(problem: Problem, path: string, requestId: string): ProblemDocument {
  return {
    type: `urn:problem-type:download-service:${problem.kind.code}`,
    title: problem.kind.title,
    status: problem.kind.status,
    ...(problem.detail !== undefined && { detail: problem.detail }),
    instance: path,
    code: problem.kind.code,
    requestId,
    ...(problem.errors !== undefined && { errors: problem.errors }),
  };
}
