import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem, unsupportedMediaType } from '../problems/index.js';

/** The route reads the request's body itself, whatever its media type. */
export const StreamedBody = (): MethodDecorator => RouteConfig({ streamedBody: true });

function isStreamed(request: FastifyRequest): boolean {
  return (request.routeOptions.config as { streamedBody?: boolean }).streamedBody === true;
}

/** Leaves bodies alone where a route reads them, and refuses media types that nobody reads elsewhere. */
export function leaveStreamedBodies(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _, done) => {
    // Else it would be parsed, whatever the route wants.
    if (isStreamed(request) && isJson(request)) request.headers['content-type'] = 'application/octet-stream';
    done();
  });
  fastify.addContentTypeParser('*', (request, _, done) => {
    if (isStreamed(request)) done(null);
    else done(new Problem(unsupportedMediaType));
  });
}

function isJson({ headers }: FastifyRequest): boolean {
  return /^\s*application\/json/i.test(headers['content-type'] ?? '');
}
