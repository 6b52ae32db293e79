import { Body, Controller, Get, Header, Headers, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems, ClientAddress, IgnoreCredentials } from '../../common/http/index.js';
import { RateLimit } from '../../common/throttling/index.js';
import { AccessTokenDto, LoginDto, MeDto } from './auth.dto.js';
import { AuthService } from './auth.service.js';
import { CallingUser } from './principals/caller.decorator.js';
import type { UserPrincipal } from './principals/principal.js';

@ApiTags('auth')
@Controller('api/v1/auth')
export class AuthController {
  constructor(private readonly auth: AuthService) {}

  /** Opens a session. The access token is short-lived and dies with the session. */
  @Post('login')
  @HttpCode(200)
  @IgnoreCredentials()
  @RateLimit('login')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Log in with e-mail and password' })
  @ApiOkResponse({ type: AccessTokenDto, description: 'An access token of a new session' })
  @ApiProblems(400, 401, 413, 415, 429, 503)
  login(
    @Body() login: LoginDto,
    @ClientAddress() ip: string,
    @Headers('user-agent') userAgent = '',
  ): Promise<AccessTokenDto> {
    return this.auth.login(login, { ip, userAgent });
  }

  /** Ends the session of this access token; every token of the session is refused from the next request on. */
  @Post('logout')
  @HttpCode(204)
  @ApiBearerAuth('jwt')
  @ApiOperation({ summary: 'End this session' })
  @ApiNoContentResponse({ description: 'The session has ended' })
  @ApiProblems(401, 429, 503)
  logout(@CallingUser() user: UserPrincipal): Promise<void> {
    return this.auth.logout(user);
  }

  @Get('me')
  @ApiBearerAuth('jwt')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Who am I?' })
  @ApiOkResponse({ type: MeDto, description: 'The account behind the credentials' })
  @ApiProblems(401, 429, 503)
  me(@CallingUser() user: UserPrincipal): MeDto {
    return { id: user.userId, email: user.email, role: user.role, tenantId: user.tenantId };
  }
}
