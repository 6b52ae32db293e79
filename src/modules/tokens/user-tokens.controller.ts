import { Controller, Delete, HttpCode, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiNoContentResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiProblems, BIG_INT_ID, BigIntIdPipe } from '../../common/http/index.js';
import { type Actor, Acting } from '../auth/index.js';
import { RevokeTokens } from './revoke-tokens.js';

/** Below `/users`, which is for people: an API key does not call it (RULES 1.6). */
@ApiTags('tokens')
@ApiBearerAuth('jwt')
@Controller('api/v1/users/:id/tokens')
export class UserTokensController {
  constructor(private readonly revocation: RevokeTokens) {}

  /** Everything that the user has minted is refused from the next request on. For the user itself, and for those who manage it. */
  @Delete()
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke all download links of a user' })
  @ApiParam({ name: 'id', schema: BIG_INT_ID, example: '7' })
  @ApiNoContentResponse({ description: 'Revoked' })
  @ApiProblems(400, 401, 403, 404, 429, 503)
  revokeTokensOfUser(@Param('id', BigIntIdPipe) id: string, @Acting() actor: Actor): Promise<void> {
    return this.revocation.ofUser(id, actor);
  }
}
