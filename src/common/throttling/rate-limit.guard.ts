import { type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ThrottlerGuard, type ThrottlerModuleOptions, ThrottlerStorage } from '@nestjs/throttler';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { COUNTERS, RATE_POLICY, type RateCounter } from './rate-limit.js';
import { ThrottleSubject } from './throttle-subject.js';
import { tooManyRequests } from './throttling.problems.js';

type Check = Parameters<ThrottlerGuard['handleRequest']>[0];

/**
 * Counts each request under its route's policy, by principal before address. Tells the state in `RateLimit-Policy` and `RateLimit`,
 * as draft-ietf-httpapi-ratelimit-headers-10 writes them.
 */
@Injectable()
export class RateLimitGuard extends ThrottlerGuard {
  constructor(
    @Inject('THROTTLER:MODULE_OPTIONS') options: ThrottlerModuleOptions,
    @Inject(ThrottlerStorage) storage: ThrottlerStorage,
    reflector: Reflector,
    private readonly subject: ThrottleSubject,
  ) {
    super(options, storage, reflector);
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    return RATE_POLICY.of(context) === 'none' || super.canActivate(context);
  }

  protected override async handleRequest({ context, limit, ttl, throttler }: Check): Promise<boolean> {
    const counter = (throttler.name ?? 'api') as RateCounter;
    if (!COUNTERS[RATE_POLICY.of(context) ?? 'api'].includes(counter)) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const count = await this.storageService.increment(
      `${counter}:${this.subject.of(request, counter)}`,
      ttl,
      limit,
      ttl,
      counter,
    );
    const left = Math.max(0, limit - count.totalHits);
    append(reply, 'RateLimit-Policy', `"${counter}";q=${limit};w=${ttl / 1_000}`);
    append(reply, 'RateLimit', `"${counter}";r=${left};t=${count.timeToExpire}`);
    if (count.isBlocked) {
      throw tooManyRequests(`At most ${limit} requests in ${ttl / 1_000} s.`, count.timeToBlockExpire);
    }
    return true;
  }
}

/** Both are lists (draft-ietf-httpapi-ratelimit-headers-10 §3). */
function append(reply: FastifyReply, name: string, item: string): void {
  const before = reply.getHeader(name);
  void reply.header(name, before === undefined ? item : `${String(before)}, ${item}`);
}
