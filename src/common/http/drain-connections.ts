import type { FastifyInstance } from 'fastify';

/**
 * When the server closes, Node ends idle connections; those with a request in flight would stay open as idle ones after
 * it, until their keep-alive time is over, and the process with them. So the last response says and does `close`.
 */
export function drainConnections(fastify: FastifyInstance): void {
  let closing = false;
  fastify.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) void reply.header('Connection', 'close');
    done(null, payload);
  });
  fastify.addHook('onResponse', (request, _reply, done) => {
    if (closing) request.raw.socket.end();
    done();
  });
}
