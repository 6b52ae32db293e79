import { Controller, Delete, Get, Header, HttpCode, Param } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { ApiProblems } from '../../../common/http/index.js';
import { type Actor, Acting } from '../principals/actor.js';
import type { UsedSession } from './session-store.js';
import { type SessionDto, SessionListDto } from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';

@ApiTags('auth')
@ApiBearerAuth('jwt')
@Controller('api/v1/auth/sessions')
export class SessionsController {
  constructor(private readonly sessions: SessionsService) {}

  /** Devices and programs that are logged in as the caller, newest first. */
  @Get()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'List my sessions' })
  @ApiOkResponse({ type: SessionListDto, description: 'All that have not ended' })
  @ApiProblems(401, 403, 429, 503)
  async listSessions(@Acting() actor: Actor): Promise<SessionListDto> {
    const sessions = await this.sessions.list(actor);
    return { items: sessions.map((session) => toDto(session, actor)) };
  }

  /** Every token of all sessions is refused from the next request on, that of this request too. API keys stay. */
  @Delete()
  @HttpCode(204)
  @ApiOperation({ summary: 'End all my sessions' })
  @ApiNoContentResponse({ description: 'They have ended' })
  @ApiProblems(401, 403, 429, 503)
  endAllSessions(@Acting() actor: Actor): Promise<void> {
    return this.sessions.endAll(actor);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'End one of my sessions' })
  @ApiParam({ name: 'id', example: '3q2-7wAAAAAAAAAAAAAAAA' })
  @ApiNoContentResponse({ description: 'It has ended' })
  @ApiProblems(401, 403, 404, 429, 503)
  endSession(@Param('id') id: string, @Acting() actor: Actor): Promise<void> {
    return this.sessions.endOne(id, actor);
  }
}

function toDto(session: UsedSession, { user }: Actor): SessionDto {
  return {
    id: session.id,
    current: user.credential.kind === 'session' && user.credential.id === session.id,
    createdAt: new Date(session.createdAt),
    expiresAt: new Date(session.expiresAt),
    lastSeenAt: new Date(session.lastSeenAt),
    lastSeenIp: session.lastSeenIp,
    ip: session.ip,
    userAgent: session.userAgent,
  };
}
