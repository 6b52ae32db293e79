import { HttpException } from '@nestjs/common';
import { databaseProblem } from '../database/database-problem.js';
import { redisProblem } from '../redis/redis-problem.js';
import {
  headersTooLarge,
  internalError,
  notReady,
  payloadTooLarge,
  requestTimeout,
  routeNotFound,
  unsupportedMediaType,
  validationFailed,
} from './common.problems.js';
import { Problem, type ProblemKind } from './problem.js';

/** Each part of the house names the failures it knows; the first that knows an error decides. */
const TRANSLATORS: readonly ((error: unknown) => Problem | undefined)[] = [
  (error) => (error instanceof Problem ? error : undefined),
  databaseProblem,
  redisProblem,
  frameworkProblem,
];

export function toProblem(error: unknown): Problem {
  for (const translate of TRANSLATORS) {
    const problem = translate(error);
    if (problem !== undefined) return problem;
  }
  return new Problem(internalError, { cause: error });
}

const BY_STATUS: Readonly<Record<number, ProblemKind>> = {
  400: validationFailed,
  404: routeNotFound,
  408: requestTimeout,
  413: payloadTooLarge,
  415: unsupportedMediaType,
  431: headersTooLarge,
  503: notReady,
};

/**
 * Nest's HttpException and Fastify's errors both tell an HTTP status. Only that and a code are taken from them: their
 * messages quote the request target with its query, or the body that could not be parsed.
 */
function frameworkProblem(error: unknown): Problem | undefined {
  if (!(error instanceof Error)) return undefined;
  const status = error instanceof HttpException ? error.getStatus() : statusCodeOf(error);
  if (status === undefined) return undefined;
  const kind = BY_STATUS[status] ?? (status >= 400 && status < 500 ? validationFailed : undefined);
  return kind && new Problem(kind, { cause: 'code' in error ? error.code : error.name });
}

function statusCodeOf(error: Error): number | undefined {
  return 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
