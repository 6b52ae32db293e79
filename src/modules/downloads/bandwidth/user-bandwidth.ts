import { performance } from 'node:perf_hooks';
import { Injectable } from '@nestjs/common';
import { DownloadConfig } from '../../../common/config/config.js';
import { CurrentLimits } from '../../auth/index.js';
import { type Rate, type Shape, shaped } from '../../storage/index.js';
import { RedisUserBuckets } from './redis-user-buckets.js';

/** Milliseconds until a running transfer looks again which rate its user has. */
const LOOK_AFTER = 1_000;

/** Whose bandwidth it is, and its rate at the admission. */
export interface ShapedUser {
  readonly tenantId: string;
  readonly userId: string;
  /** Whole bytes per second, at least 1. */
  readonly rate: number;
}

/** The bandwidth of a user: all transfers together, on all replicas (docs/limits.md). */
@Injectable()
export class UserBandwidth {
  constructor(
    private readonly buckets: RedisUserBuckets,
    private readonly limits: CurrentLimits,
    private readonly config: DownloadConfig,
  ) {}

  /** For `chooseDelivery`. A change of the user's rate reaches the transfer within a second or two. */
  shape(user: ShapedUser): Shape {
    const bucket = this.buckets.of(user.userId);
    return (body, signal) => shaped(body, bucket, this.rateOf(user), signal);
  }

  private rateOf({ tenantId, userId, rate }: ShapedUser): Rate {
    let known = rate;
    let lookAt = performance.now() + LOOK_AFTER;
    return async () => {
      if (performance.now() < lookAt) return known;
      lookAt = performance.now() + LOOK_AFTER;
      try {
        const limits = await this.limits.of(tenantId, userId);
        // Who is deleted keeps the pace of what still runs.
        if (limits !== undefined) known = limits.userRate ?? this.config.userRate;
      } catch {
        // Redis or PostgreSQL is away: the rate stays, and the bucket is what waits for Redis.
      }
      return known;
    };
  }
}
