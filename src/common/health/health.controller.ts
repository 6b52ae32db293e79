import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.js';
import { IgnoreCredentials } from '../http/credentials.js';
import { RateLimit } from '../throttling/rate-limit.js';
import { HealthDto } from './health.dto.js';
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

  /** Requests may be sent here: not draining, schema known, Redis policy right. */
  @Get('ready')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'May requests be sent here?' })
  @ApiOkResponse({ type: HealthDto, description: 'They may' })
  @ApiProblems(503)
  ready(): Promise<HealthDto> {
    return this.readiness.check();
  }
}
