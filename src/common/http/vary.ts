import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Observable } from 'rxjs';

/** Names request headers on which the answer depends (RFC 9110 §12.5.5), beside those that are named already. */
export function addVary(reply: FastifyReply, names: string): void {
  const before = reply.getHeader('Vary');
  void reply.header('Vary', before === undefined ? names : `${String(before)}, ${names}`);
}

/** The same for all answers of a route: `@Header('Vary', …)` would replace what is there. */
export class VaryInterceptor<T> implements NestInterceptor<T, T> {
  constructor(private readonly names: string) {}

  intercept(context: ExecutionContext, next: CallHandler<T>): Observable<T> {
    addVary(context.switchToHttp().getResponse<FastifyReply>(), this.names);
    return next.handle();
  }
}
