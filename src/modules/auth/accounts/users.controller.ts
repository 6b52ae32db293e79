import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  Patch,
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
import { ApiProblems, BIG_INT_ID, BigIntIdPipe, LocationInterceptor } from '../../../common/http/index.js';
import { type Actor, Acting } from '../principals/actor.js';
import { CallingUser } from '../principals/caller.decorator.js';
import type { UserPrincipal } from '../principals/principal.js';
import { RequireRole } from '../principals/require-permission.js';
import { ChangeUserDto, ListUsersQuery, NewUserDto, UserDto, UserPageDto } from './users.dto.js';
import { UsersService } from './users.service.js';

const USER_ID = {
  name: 'id',
  schema: BIG_INT_ID,
  example: '7',
} as const;

@ApiTags('users')
@RequireRole('admin')
@Controller('api/v1/users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  /** In the caller's tenant; an operator may name another. The address is unique in the installation. */
  @Post()
  @UseInterceptors(new LocationInterceptor<UserDto>((user) => `/api/v1/users/${user.id}`))
  @ApiOperation({ summary: 'Create a user' })
  @ApiCreatedResponse({
    type: UserDto,
    description: 'The new user',
    headers: { Location: { description: 'Path of the new user', schema: { type: 'string' } } },
  })
  @ApiProblems(400, 401, 403, 404, 409, 413, 415, 429, 503)
  createUser(@Body() user: NewUserDto, @Acting() actor: Actor): Promise<UserDto> {
    return this.users.create(user, actor);
  }

  @Get()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'List the users of a tenant' })
  @ApiOkResponse({ type: UserPageDto, description: 'A page, and where the next one begins' })
  @ApiProblems(400, 401, 403, 429, 503)
  listUsers(@Query() query: ListUsersQuery, @CallingUser() user: UserPrincipal): Promise<UserPageDto> {
    return this.users.list(query, user);
  }

  @Get(':id')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'A user' })
  @ApiParam(USER_ID)
  @ApiOkResponse({ type: UserDto, description: 'The user' })
  @ApiProblems(400, 401, 403, 404, 429, 503)
  getUser(@Param('id', BigIntIdPipe) id: string, @CallingUser() user: UserPrincipal): Promise<UserDto> {
    return this.users.get(id, user);
  }

  /** Role, limits, a new password, disabled or not; it holds from the user's next request on. */
  @Patch(':id')
  @ApiOperation({ summary: 'Change or disable a user' })
  @ApiParam(USER_ID)
  @ApiOkResponse({ type: UserDto, description: 'The user as it is now' })
  @ApiProblems(400, 401, 403, 404, 409, 413, 415, 429, 503)
  changeUser(
    @Param('id', BigIntIdPipe) id: string,
    @Body() change: ChangeUserDto,
    @Acting() actor: Actor,
  ): Promise<UserDto> {
    return this.users.change(id, change, actor);
  }

  /** Ends all of its sessions and keys. Its files stay, with the admins of the tenant; the address may be used again. */
  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a user' })
  @ApiParam(USER_ID)
  @ApiNoContentResponse({ description: 'Deleted' })
  @ApiProblems(400, 401, 403, 404, 409, 429, 503)
  deleteUser(@Param('id', BigIntIdPipe) id: string, @Acting() actor: Actor): Promise<void> {
    return this.users.delete(id, actor);
  }
}
