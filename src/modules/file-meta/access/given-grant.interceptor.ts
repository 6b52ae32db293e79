import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { map, type Observable } from 'rxjs';
import type { GrantDto } from './grants.dto.js';
import type { GivenGrant } from './grants.repository.js';

/** 201 for a new grant, 200 for one that was there and has a new giver and end (RFC 9110 §9.3.3). */
export class GivenGrantInterceptor implements NestInterceptor<GivenGrant, GrantDto> {
  intercept(context: ExecutionContext, next: CallHandler<GivenGrant>): Observable<GrantDto> {
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return next.handle().pipe(
      map(({ grant, isNew }) => {
        reply.status(isNew ? 201 : 200);
        return grant;
      }),
    );
  }
}
