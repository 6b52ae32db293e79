import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem, requestTimeout } from '../problems/index.js';

/**
 * An AbortSignal for long work of a route: aborted when the client goes away before it has its answer, with a problem that
 * nobody hears as the reason.
 */
export const ClientSignal = createParamDecorator((_: unknown, context: ExecutionContext): AbortSignal => {
  const { socket } = context.switchToHttp().getRequest<FastifyRequest>().raw;
  const { raw } = context.switchToHttp().getResponse<FastifyReply>();
  const client = new AbortController();
  const gone = (): void => {
    client.abort(new Problem(requestTimeout, { cause: 'the client went away' }));
  };
  // Who closes its half is gone, as nginx has it: Node alone would go on until the answer is written.
  socket.once('end', gone);
  raw.once('close', () => {
    socket.off('end', gone);
    gone();
  });
  return client.signal;
});
