import { Controller, Get, Header, Req } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiProblems } from '../http/api-problems.js';
import { IgnoreCredentials } from '../http/credentials.js';
import { RateLimit } from '../throttling/rate-limit.js';
import { HealthDto, ReadinessDto } from './health.dto.js';
import { ReadinessService } from './readiness.service.js';

@ApiTags('health')
@IgnoreCredentials()
@RateLimit('none')
@Controller('health')
export class HealthController {
  constructor(private readonly readiness: ReadinessService) {}

  /** The process runs. Looks at no dependency. */
  @Get('live')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Is the process alive?' })
  @ApiOkResponse({ type: HealthDto, description: 'It is' })
  live(): HealthDto {
    return { status: 'ok' };
  }

  /**
   * Requests may be sent here: not draining, schema known, Redis policy right. An operator (an API key needs the scope `stats`) also gets details;
   * for everybody else, wrong credentials included, it is as if none had been sent.
   */
  @Get('ready')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'May requests be sent here?' })
  @ApiOkResponse({ type: ReadinessDto, description: 'They may' })
  @ApiProblems(503)
  ready(@Req() request: FastifyRequest): Promise<ReadinessDto> {
    return this.readiness.check(request);
  }
}
