import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { lingerAfter } from '../http/linger.js';
import { pathOf } from '../http/path-of.js';
import { PROBLEM_JSON, problemDocument } from './problem-document.js';
import type { Problem } from './problem.js';
import { toProblem } from './to-problem.js';

/** Renders every error of every route as a problem document. The private cause goes to the log. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    sendProblem(error, request, reply);
  }
}

/** The same for what fails outside Nest's routes (Fastify's own error handler). */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toProblem(error);
  if (problem.kind.status >= 500) {
    request.log.error({ err: error, code: problem.kind.code }, 'request failed');
  } else if (problem.cause !== undefined) {
    request.log.debug({ err: problem, code: problem.kind.code }, 'request refused');
  }
  if (reply.raw.headersSent) {
    // Too late for an answer: cutting the connection is the only way left to show the client the failure.
    reply.raw.destroy();
    return;
  }
  for (const name of Object.keys(reply.getHeaders())) {
    if (!KEPT_HEADERS.has(name)) reply.removeHeader(name);
  }
  problems.set(reply, problem);
  lingerAfter(reply.raw, request.raw);
  void reply
    .status(problem.kind.status)
    .headers({ ...problem.headers, 'Cache-Control': 'no-store', 'Content-Type': PROBLEM_JSON })
    .send(JSON.stringify(problemDocument(problem, pathOf(request.url), request.id)));
}

/** What an answer may keep that had been prepared before it failed. */
const KEPT_HEADERS = new Set([
  'x-request-id',
  'x-content-type-options',
  'vary',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'ratelimit',
  'ratelimit-policy',
]);

const problems = new WeakMap<FastifyReply, Problem>();

/** @returns the problem that the answer is, if it is one */
export function problemOf(reply: FastifyReply): Problem | undefined {
  return problems.get(reply);
}
