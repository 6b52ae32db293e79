import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type Observable, tap } from 'rxjs';

/** Names what a request has made in `Location` (RFC 9110 §15.3.2). */
export class LocationInterceptor<T> implements NestInterceptor<T, T> {
  constructor(private readonly locationOf: (made: T) => string) {}

  intercept(context: ExecutionContext, next: CallHandler<T>): Observable<T> {
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return next.handle().pipe(tap((made) => void reply.header('Location', this.locationOf(made))));
  }
}
