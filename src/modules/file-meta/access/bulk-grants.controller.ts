import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../../../common/http/index.js';
import { type Actor, Acting, RequirePermission } from '../../auth/index.js';
import { GrantListDto, NewGrantsDto } from './grants.dto.js';
import { GrantsService } from './grants.service.js';

@ApiTags('grants')
@Controller('api/v1/grants')
export class BulkGrantsController {
  constructor(private readonly grants: GrantsService) {}

  /** Each of the grants on each of the files, all of them or none; each as if given alone. `errors` names the file that is in the way. */
  @Post()
  @HttpCode(200)
  @RequirePermission('files:write')
  @ApiOperation({ summary: 'Grant rights on several files' })
  @ApiOkResponse({ type: GrantListDto, description: 'The grants, new ones and those that were there' })
  @ApiProblems(400, 401, 403, 404, 409, 410, 413, 415, 429, 503)
  async createGrants(@Body() grants: NewGrantsDto, @Acting() actor: Actor): Promise<GrantListDto> {
    return { items: await this.grants.giveMany(grants, actor) };
  }
}
