import { Body, Controller, Get, Header, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems, IgnoreCredentials } from '../../../common/http/index.js';
import { RateLimit } from '../../../common/throttling/index.js';
import { StorageUsageDto } from '../accounts/storage-usage.dto.js';
import { StorageUsage } from '../accounts/storage-usage.js';
import { type Actor, Acting, type Origin, RequestOrigin } from '../principals/actor.js';
import { CallingUser } from '../principals/caller.decorator.js';
import type { UserPrincipal } from '../principals/principal.js';
import { ChangePasswordDto, LoginDto, MeDto, RefreshDto, TokensDto } from './login.dto.js';
import { LoginService } from './login.service.js';
import { PasswordsService } from './passwords.service.js';

@ApiTags('auth')
@Controller('api/v1/auth')
export class LoginController {
  constructor(
    private readonly logins: LoginService,
    private readonly passwords: PasswordsService,
    private readonly usage: StorageUsage,
  ) {}

  /** Opens a session. The access token is short-lived and dies with the session; the refresh token gives the next one. */
  @Post('login')
  @HttpCode(200)
  @IgnoreCredentials()
  @RateLimit('login')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Log in with e-mail and password' })
  @ApiOkResponse({ type: TokensDto, description: 'Tokens of a new session' })
  @ApiProblems(400, 401, 413, 415, 429, 503)
  login(@Body() login: LoginDto, @RequestOrigin() origin: Origin): Promise<TokensDto> {
    return this.logins.login(login, origin);
  }

  /**
   * New tokens of the same session. A refresh token is good once; a client that did not hear the answer may send it again within 10
   * seconds. After that it counts as stolen, and the session ends.
   */
  @Post('refresh')
  @HttpCode(200)
  @IgnoreCredentials()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Renew the access token' })
  @ApiOkResponse({ type: TokensDto, description: 'The next tokens of the session' })
  @ApiProblems(400, 401, 413, 415, 429, 503)
  refresh(@Body() { refreshToken }: RefreshDto, @RequestOrigin() origin: Origin): Promise<TokensDto> {
    return this.logins.refresh(refreshToken, origin);
  }

  /** Ends the session of this access token; every token of the session is refused from the next request on. */
  @Post('logout')
  @HttpCode(204)
  @ApiBearerAuth('jwt')
  @ApiOperation({ summary: 'End this session' })
  @ApiNoContentResponse({ description: 'The session has ended' })
  @ApiProblems(401, 403, 429, 503)
  logout(@Acting() actor: Actor): Promise<void> {
    return this.logins.logout(actor);
  }

  /** Ends all sessions, API keys and download tokens of the caller: log in again with the new password. */
  @Post('password')
  @HttpCode(204)
  @ApiBearerAuth('jwt')
  @RateLimit('login')
  @ApiOperation({ summary: 'Change my password' })
  @ApiNoContentResponse({ description: 'Changed, and everything that rested on the old one has ended' })
  @ApiProblems(400, 401, 403, 413, 415, 429, 503)
  changePassword(@Body() change: ChangePasswordDto, @Acting() actor: Actor): Promise<void> {
    return this.passwords.change(change, actor);
  }

  @Get('me')
  @ApiBearerAuth('jwt')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Who am I?' })
  @ApiOkResponse({ type: MeDto, description: 'The account behind the credentials' })
  @ApiProblems(401, 403, 429, 503)
  me(@CallingUser() { userId: id, email, role, tenantId }: UserPrincipal): MeDto {
    return { id, email, role, tenantId };
  }

  @Get('usage')
  @ApiBearerAuth('jwt')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'What have I stored?' })
  @ApiOkResponse({
    type: StorageUsageDto,
    description: "What the caller's files and unfinished uploads have",
  })
  @ApiProblems(401, 403, 429, 503)
  getUsage(@CallingUser() user: UserPrincipal): Promise<StorageUsageDto> {
    return this.usage.of(user);
  }
}
