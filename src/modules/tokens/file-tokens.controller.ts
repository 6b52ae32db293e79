import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { ApiProblems, BIG_INT_ID, BigIntIdPipe, PageQuery } from '../../common/http/index.js';
import { type Actor, Acting, CallingUser, RequirePermission, type UserPrincipal } from '../auth/index.js';
import { ListTokens } from './list-tokens.js';
import { MintToken } from './mint-token.js';
import { RevokeTokens } from './revoke-tokens.js';
import { CreatedTokenDto, NewTokenDto, TokenPageDto } from './tokens.dto.js';

const FILE_ID = {
  name: 'id',
  schema: BIG_INT_ID,
  example: '42',
} as const;

@ApiTags('tokens')
@RequirePermission('tokens')
@Controller('api/v1/files/:id/tokens')
export class FileTokensController {
  constructor(
    private readonly minting: MintToken,
    private readonly lists: ListTokens,
    private readonly revocation: RevokeTokens,
  ) {}

  /**
   * A link to the file for somebody without an account. It downloads by the right of the caller, under the caller's limits, as long as the
   * caller has that right. For owners, those with a `manage` grant, and admins.
   */
  @Post()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Make a download link' })
  @ApiParam(FILE_ID)
  @ApiCreatedResponse({ type: CreatedTokenDto, description: 'The token and its URL, for the only time' })
  @ApiProblems(400, 401, 403, 404, 409, 410, 413, 415, 422, 429, 503)
  mintToken(
    @Param('id', BigIntIdPipe) id: string,
    @Body() token: NewTokenDto,
    @Acting() actor: Actor,
  ): Promise<CreatedTokenDto> {
    return this.minting.mint(id, token, actor);
  }

  /** Whoever minted them; those that hold, newest first. */
  @Get()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'List the download links of a file' })
  @ApiParam(FILE_ID)
  @ApiOkResponse({ type: TokenPageDto, description: 'A page, without the tokens themselves' })
  @ApiProblems(400, 401, 403, 404, 410, 429, 503)
  listTokens(
    @Param('id', BigIntIdPipe) id: string,
    @Query() query: PageQuery,
    @CallingUser() user: UserPrincipal,
  ): Promise<TokenPageDto> {
    return this.lists.ofFile(id, query, user);
  }

  /** They are refused from the next request on, whoever minted them. */
  @Delete()
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke all download links of a file' })
  @ApiParam(FILE_ID)
  @ApiNoContentResponse({ description: 'Revoked' })
  @ApiProblems(400, 401, 403, 404, 410, 429, 503)
  revokeTokensOfFile(@Param('id', BigIntIdPipe) id: string, @Acting() actor: Actor): Promise<void> {
    return this.revocation.ofFile(id, actor);
  }
}
