import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  Post,
  Query,
  UseInterceptors,
} from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { ApiProblems, BIG_INT_ID, BigIntIdPipe, PageQuery } from '../../../common/http/index.js';
import { type Actor, Acting, CallingUser, RequirePermission, type UserPrincipal } from '../../auth/index.js';
import { GivenGrantInterceptor } from './given-grant.interceptor.js';
import { GrantDto, GrantPageDto, NewGrantDto } from './grants.dto.js';
import type { GivenGrant } from './grants.repository.js';
import { GrantsService } from './grants.service.js';

const FILE_ID = { name: 'id', schema: BIG_INT_ID, example: '42' } as const;

@ApiTags('grants')
@Controller('api/v1/files/:id/grants')
export class GrantsController {
  constructor(private readonly grants: GrantsService) {}

  /** For those who manage the file; also those that count no more. By id. */
  @Get()
  @RequirePermission('files:read')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'List the grants on a file' })
  @ApiParam(FILE_ID)
  @ApiOkResponse({ type: GrantPageDto, description: 'A page, and where the next one begins' })
  @ApiProblems(400, 401, 403, 404, 410, 429, 503)
  listGrants(
    @Param('id', BigIntIdPipe) id: string,
    @Query() query: PageQuery,
    @CallingUser() user: UserPrincipal,
  ): Promise<GrantPageDto> {
    return this.grants.list(id, query, user);
  }

  /**
   * `download` by those who manage the file, `manage` by its owner and admins. To give what the subject has already changes the
   * end of that grant, and makes the caller its giver.
   */
  @Post()
  @RequirePermission('files:write')
  @UseInterceptors(GivenGrantInterceptor)
  @ApiOperation({ summary: 'Grant a right on a file' })
  @ApiParam(FILE_ID)
  @ApiCreatedResponse({ type: GrantDto, description: 'The new grant' })
  @ApiOkResponse({ type: GrantDto, description: 'The grant was there; its end and its giver are new' })
  @ApiProblems(400, 401, 403, 404, 409, 410, 413, 415, 429, 503)
  createGrant(
    @Param('id', BigIntIdPipe) id: string,
    @Body() grant: NewGrantDto,
    @Acting() actor: Actor,
  ): Promise<GivenGrant> {
    return this.grants.give(id, grant, actor);
  }

  /** By those who could give it. It counts no more from the next request on; what nginx is sending already goes on to its end. */
  @Delete(':grantId')
  @HttpCode(204)
  @RequirePermission('files:write')
  @ApiOperation({ summary: 'Revoke a grant' })
  @ApiParam(FILE_ID)
  @ApiParam({ name: 'grantId', schema: BIG_INT_ID, example: '5' })
  @ApiNoContentResponse({ description: 'Revoked' })
  @ApiProblems(400, 401, 403, 404, 410, 429, 503)
  revokeGrant(
    @Param('id', BigIntIdPipe) id: string,
    @Param('grantId', BigIntIdPipe) grantId: string,
    @Acting() actor: Actor,
  ): Promise<void> {
    return this.grants.revoke(id, grantId, actor);
  }
}
