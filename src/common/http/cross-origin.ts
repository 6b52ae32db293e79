import cors, { type FastifyCorsOptions } from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** What a page may send beside the headers that every page may (Fetch §4.9, CORS-safelisted request-header). */
const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'X-API-Key',
  'Range',
  'If-Match',
  'If-Modified-Since',
  'If-None-Match',
  'If-Range',
  'If-Unmodified-Since',
  'Content-Digest',
  'Tus-Resumable',
  'Upload-Checksum',
  'Upload-Concat',
  'Upload-Defer-Length',
  'Upload-Length',
  'Upload-Metadata',
  'Upload-Offset',
  'X-HTTP-Method-Override',
];

/** What a page may read beside the headers that every page may (RULES 8.3). */
const RESPONSE_HEADERS = [
  'Accept-Ranges',
  'Content-Disposition',
  'Content-Range',
  'ETag',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Repr-Digest',
  'Retry-After',
  'Tus-Checksum-Algorithm',
  'Tus-Extension',
  'Tus-Max-Size',
  'Tus-Resumable',
  'Tus-Version',
  'Upload-Expires',
  'Upload-Length',
  'Upload-Metadata',
  'Upload-Offset',
  'X-Download-Id',
  'X-File-Id',
  'X-Request-Id',
];

/** Seconds that a browser remembers the answer to a preflight; more than this none of them does. */
const MAX_AGE = 7_200;

/**
 * Opens the API to the pages of these origins (RULES 8.3). Credentials travel in headers, so cookies are never asked for. Without
 * origins nothing is registered, and no answer says anything of it.
 */
export async function allowOrigins(fastify: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  const allowed = new Set(origins);
  await fastify.register(cors, {
    delegator: (request, done) => {
      done(null, answerTo(request, allowed));
    },
  });
}

function answerTo({ method, headers }: FastifyRequest, allowed: ReadonlySet<string>): FastifyCorsOptions {
  if (headers.origin === undefined || !allowed.has(headers.origin)) return { origin: false };
  return {
    origin: true,
    // An OPTIONS that asks for nothing is the route's own to answer, as that of tus.
    preflight: method === 'OPTIONS' && headers['access-control-request-method'] !== undefined,
    methods: METHODS,
    allowedHeaders: REQUEST_HEADERS,
    exposedHeaders: RESPONSE_HEADERS,
    maxAge: MAX_AGE,
  };
}
