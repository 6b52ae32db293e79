import { Problem, type ProblemKind } from './problem.js';

export const validationFailed: ProblemKind = {
  code: 'validation-failed',
  status: 400,
  title: 'The request is malformed',
};
export const routeNotFound: ProblemKind = {
  code: 'route-not-found',
  status: 404,
  title: 'There is no such route',
};
export const payloadTooLarge: ProblemKind = {
  code: 'payload-too-large',
  status: 413,
  title: 'The request body is larger than allowed',
};
export const unsupportedMediaType: ProblemKind = {
  code: 'unsupported-media-type',
  status: 415,
  title: 'The media type of the request body is not supported',
};
export const headersTooLarge: ProblemKind = {
  code: 'headers-too-large',
  status: 431,
  title: 'The request headers are larger than allowed',
};
export const requestTimeout: ProblemKind = {
  code: 'request-timeout',
  status: 408,
  title: 'The request took too long to arrive',
};
const preconditionFailedKind: ProblemKind = {
  code: 'precondition-failed',
  status: 412,
  title: 'A precondition of the request does not hold',
};
export const internalError: ProblemKind = {
  code: 'internal-error',
  status: 500,
  title: 'The service failed unexpectedly',
};
export const dependencyUnavailable: ProblemKind = {
  code: 'dependency-unavailable',
  status: 503,
  title: 'A part that the service depends on is not available',
};
export const notReady: ProblemKind = { code: 'not-ready', status: 503, title: 'The service is not ready' };

/** @param dependency named in the log only */
export function unavailable(dependency: string, cause: unknown): Problem {
  return new Problem(dependencyUnavailable, {
    detail: 'Try again shortly.',
    headers: { 'Retry-After': '1' },
    cause: new Error(`${dependency} is not available`, { cause }),
  });
}

export function isUnavailable(error: unknown): boolean {
  return error instanceof Problem && error.kind === dependencyUnavailable;
}

export function preconditionFailed(): Problem {
  return new Problem(preconditionFailedKind);
}
