import { Injectable } from '@nestjs/common';
import { HealthCheckService, HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import type { FastifyRequest } from 'fastify';
import { SchemaVersion } from '../database/schema-version.js';
import { RedisPolicy } from '../redis/redis-policy.js';
import { notReady, Problem } from '../problems/index.js';
import type { HealthDetailsDto, ReadinessDto } from './health.dto.js';
import { OperatorCheck } from './operator-check.js';
import { VolumesHealth } from './volumes-health.js';

/**
 * Ready = not draining, schema known, Redis policy right when last seen (RULES 10.1). A dependency that blips is not
 * asked again here: requests answer 503 by themselves, and taking every replica out would help nobody. A store that is away is told to
 * operators, and takes no replica out either: there may be other volumes.
 */
@Injectable()
export class ReadinessService {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly schema: SchemaVersion,
    private readonly redis: RedisPolicy,
    private readonly operators: OperatorCheck,
    private readonly volumes: VolumesHealth,
  ) {}

  /** @throws Problem `not-ready` (503) */
  async check(request: FastifyRequest): Promise<ReadinessDto> {
    try {
      await this.health.check([() => this.schemaKnown(), () => this.redisPolicy()]);
    } catch (cause) {
      throw new Problem(notReady, { headers: { 'Retry-After': '1' }, cause });
    }
    if (!(await this.operators.isOperator(request))) return { status: 'ok' };
    return { status: 'ok', details: await this.details() };
  }

  private async details(): Promise<HealthDetailsDto> {
    return { schema: { status: 'up' }, redis: { status: 'up' }, volumes: await this.volumes.read() };
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
