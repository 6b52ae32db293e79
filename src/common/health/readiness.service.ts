import { Injectable } from '@nestjs/common';
import { HealthCheckService, HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { SchemaVersion } from '../database/schema-version.js';
import { RedisPolicy } from '../redis/redis-policy.js';
import { notReady, Problem } from '../problems/index.js';

/**
 * Ready = not draining, schema known, Redis policy right when last seen (RULES 10.1). A dependency that blips is not
 * asked again here: requests answer 503 by themselves, and taking every replica out would help nobody.
 */
@Injectable()
export class ReadinessService {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly schema: SchemaVersion,
    private readonly redis: RedisPolicy,
  ) {}

  /** @throws Problem `not-ready` (503) */
  async check(): Promise<{ status: 'ok' }> {
    try {
      await this.health.check([() => this.schemaKnown(), () => this.redisPolicy()]);
    } catch (cause) {
      throw new Problem(notReady, { headers: { 'Retry-After': '1' }, cause });
    }
    return { status: 'ok' };
  }

  private async schemaKnown(): Promise<HealthIndicatorResult> {
    const indicator = this.indicators.check('schema');
    return (await this.schema.isKnown()) ? indicator.up() : indicator.down('migrations are missing');
  }

  private async redisPolicy(): Promise<HealthIndicatorResult> {
    const indicator = this.indicators.check('redis');
    const violations = await this.redis.check();
    return violations.length === 0 ? indicator.up() : indicator.down(violations.join('; '));
  }
}
