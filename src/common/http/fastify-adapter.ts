import type { Socket } from 'node:net';
import multipart from '@fastify/multipart';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { HttpConfig, NginxConfig } from '../config/config.js';
import {
  headersTooLarge,
  Problem,
  PROBLEM_JSON,
  problemDocument,
  requestTimeout,
  sendProblem,
  validationFailed,
} from '../problems/index.js';
import { allowOrigins } from './cross-origin.js';
import { drainConnections } from './drain-connections.js';
import { lazyChildLogger } from './lazy-child-logger.js';
import { logRequests } from './log-requests.js';
import { requestId } from './request-id.js';
import { leaveStreamedBodies } from './streamed-body.js';

/** Largest JSON body, bytes (RULES 5.6). Multipart bodies are streams and have limits of their own. */
export const JSON_BODY_LIMIT = 64 * 1024;

/** Milliseconds a client may take to send its request headers. */
const HEADERS_TIMEOUT = 20_000;

/** Longer than nginx keeps an idle connection to us, so that it is never us who closes under a request. */
const KEEP_ALIVE_TIMEOUT = 75_000;

export async function createFastifyAdapter(
  http: HttpConfig,
  nginx: NginxConfig,
  logger: Logger,
  requestLogger = logger,
): Promise<FastifyAdapter> {
  const adapter = new FastifyAdapter({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: requestId,
    childLoggerFactory: lazyChildLogger,
    trustProxy: [...http.trustedProxies],
    bodyLimit: JSON_BODY_LIMIT,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    // No limit on the whole request: a large upload over a slow link takes hours. Headers have their own.
    requestTimeout: 0,
    http: { headersTimeout: HEADERS_TIMEOUT },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    clientErrorHandler: answerUnreadableRequest,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      sendProblem(error, request, reply);
    },
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  fastify.addHook('onRequest', (request, reply, done) => {
    // Where no nginx of ours is, another proxy passes on what the client says.
    if (nginx.accessLog === undefined) delete request.headers['x-nginx-instance'];
    void reply.headers({ 'X-Request-Id': request.id, 'X-Content-Type-Options': 'nosniff' });
    done();
  });
  logRequests(fastify, requestLogger);
  drainConnections(fastify);
  parseJsonBodies(fastify);
  leaveStreamedBodies(fastify);
  await allowOrigins(fastify, http.corsOrigins);
  await fastify.register(multipart);
  return adapter;
}

/**
 * JSON is the only body that is parsed (Nest's own parsers are off in `createApplication`). An empty body is none: many clients send the header always, and a
 * logout must not fail for it.
 */
function parseJsonBodies(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body as string, done);
  });
}

/** What Node's parser cannot read has no request to answer to: the problem goes to the socket as it is. */
function answerUnreadableRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const kind =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? headersTooLarge
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? requestTimeout
        : validationFailed;
  const body = JSON.stringify(problemDocument(new Problem(kind), '', requestId({ headers: {} })));
  socket.end(
    `HTTP/1.1 ${kind.status} ${kind.title}\r\nContent-Type: ${PROBLEM_JSON}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
