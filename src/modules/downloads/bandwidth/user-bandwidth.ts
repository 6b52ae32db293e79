import { performance } from 'node:perf_hooks';
import { Injectable } from '@nestjs/common';
import { DownloadConfig } from '../../../common/config/config.js';
import { CurrentLimits } from '../../auth/index.js';
import { type Rate, type Shape, shaped } from '../../storage/index.js';
import { RedisBuckets } from './redis-buckets.js';

/** Milliseconds until a running transfer looks again which rate its user has. */
const LOOK_AFTER = 1_000;

/** Whose bandwidth it is, and its rate at the admission. */
export interface Shaped {
  /** Whose transfers flow through one bucket: `user:42`, or `ip:…` for callers without an account. */
  readonly subject: string;
  /** Whose own limit it may be. */
  readonly user?: { readonly tenantId: string; readonly userId: string } | undefined;
  /** Whole bytes per second, at least 1. */
  readonly rate: number;
}

/** The bandwidth of a user: all transfers together, on all replicas (docs/limits.md). */
@Injectable()
export class UserBandwidth {
  constructor(
    private readonly buckets: RedisBuckets,
    private readonly limits: CurrentLimits,
    private readonly config: DownloadConfig,
  ) {}

  /** For `chooseDelivery`. A change of the user's rate reaches the transfer within a second or two. */
  shape(of: Shaped): Shape {
    const bucket = this.buckets.of(of.subject);
    return (body, signal) => shaped(body, bucket, this.rateOf(of), signal);
  }

  private rateOf({ user, rate }: Shaped): Rate {
    if (user === undefined) return () => Promise.resolve(rate);
    let known = rate;
    let lookAt = performance.now() + LOOK_AFTER;
    return async () => {
      if (performance.now() < lookAt) return known;
      lookAt = performance.now() + LOOK_AFTER;
      try {
        const limits = await this.limits.of(user.tenantId, user.userId);
        // Who is deleted keeps the pace of what still runs.
        if (limits !== undefined) known = limits.userRate ?? this.config.userRate;
      } catch {
        // Redis or PostgreSQL is away: the rate stays, and the bucket is what waits for Redis.
      }
      return known;
    };
  }
}
