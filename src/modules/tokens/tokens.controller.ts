import { Controller, Delete, HttpCode, Param } from '@nestjs/common';
import { ApiNoContentResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../../common/http/index.js';
import { type Actor, Acting, RequirePermission } from '../auth/index.js';
import { RevokeTokens } from './revoke-tokens.js';

@ApiTags('tokens')
@RequirePermission('tokens')
@Controller('api/v1/tokens')
export class TokensController {
  constructor(private readonly revocation: RevokeTokens) {}

  /** Everything that the caller has minted is refused from the next request on. */
  @Delete()
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke all my download links' })
  @ApiNoContentResponse({ description: 'Revoked' })
  @ApiProblems(401, 403, 429, 503)
  revokeMyTokens(@Acting() actor: Actor): Promise<void> {
    return this.revocation.ofUser(actor.user.userId, actor);
  }

  /** For who minted it, and who manages its file. Downloads that it has paid for cannot go on either. */
  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke a download link' })
  @ApiParam({ name: 'id', example: '3q2-7wAAAAAAAAAAAAAAAA' })
  @ApiNoContentResponse({ description: 'Revoked' })
  @ApiProblems(401, 403, 404, 429, 503)
  revokeToken(@Param('id') id: string, @Acting() actor: Actor): Promise<void> {
    return this.revocation.one(id, actor);
  }
}
