import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { ApiProblems, BIG_INT_ID, BigIntIdPipe } from '../../../common/http/index.js';
import { type Actor, Acting } from '../principals/actor.js';
import { ApiKeyListDto, CreatedApiKeyDto, NewApiKeyDto } from './api-keys.dto.js';
import { ApiKeysService } from './api-keys.service.js';

@ApiTags('auth')
@ApiBearerAuth('jwt')
@Controller('api/v1/auth/api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  /** A key for a program, with the rights of the caller within its scopes. It is shown once. */
  @Post()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Create an API key' })
  @ApiCreatedResponse({ type: CreatedApiKeyDto, description: 'The key, for the only time' })
  @ApiProblems(400, 401, 403, 409, 413, 415, 429, 503)
  createApiKey(@Body() key: NewApiKeyDto, @Acting() actor: Actor): Promise<CreatedApiKeyDto> {
    return this.keys.create(key, actor);
  }

  /** Those of the caller that are neither revoked nor expired, newest first. */
  @Get()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'List my API keys' })
  @ApiOkResponse({ type: ApiKeyListDto, description: 'Without the keys themselves' })
  @ApiProblems(401, 403, 429, 503)
  async listApiKeys(@Acting() actor: Actor): Promise<ApiKeyListDto> {
    return { items: await this.keys.list(actor) };
  }

  /** It is refused from the next request on, and what it minted dies with it. */
  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke an API key' })
  @ApiParam({ name: 'id', schema: BIG_INT_ID, example: '3' })
  @ApiNoContentResponse({ description: 'Revoked' })
  @ApiProblems(400, 401, 403, 404, 429, 503)
  revokeApiKey(@Param('id', BigIntIdPipe) id: string, @Acting() actor: Actor): Promise<void> {
    return this.keys.revoke(id, actor);
  }
}
