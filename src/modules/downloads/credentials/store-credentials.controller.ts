import { Body, Controller, Header, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../../../common/http/index.js';
import { type Actor, Acting, RequirePermission } from '../../auth/index.js';
import { NewStoreCredentialsDto, StoreCredentialsDto } from './store-credentials.dto.js';
import { StoreCredentialsService } from './store-credentials.service.js';

@ApiTags('downloads')
@Controller('api/v1/storage/credentials')
export class StoreCredentialsController {
  constructor(private readonly credentials: StoreCredentialsService) {}

  /**
   * Temporary credentials of the object store, with which S3 clients read exactly these files themselves. They cannot be revoked: they live until
   * they expire. Not for users whose downloads are limited.
   */
  @Post()
  @RequirePermission('storage:credentials')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Get credentials for files in an object store' })
  @ApiCreatedResponse({ type: StoreCredentialsDto, description: 'The credentials, for the only time' })
  @ApiProblems(400, 401, 403, 404, 410, 413, 415, 422, 429, 503)
  createStoreCredentials(
    @Body() request: NewStoreCredentialsDto,
    @Acting() actor: Actor,
  ): Promise<StoreCredentialsDto> {
    return this.credentials.create(request, actor);
  }
}
