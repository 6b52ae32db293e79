import { Body, Controller, Get, Header, Param, Patch, Post, Query, UseInterceptors } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiProblems, BIG_INT_ID, BigIntIdPipe, LocationInterceptor } from '../../../common/http/index.js';
import { type Actor, Acting } from '../principals/actor.js';
import { RequireRole } from '../principals/require-permission.js';
import { ChangeTenantDto, ListTenantsQuery, NewTenantDto, TenantDto, TenantPageDto } from './tenants.dto.js';
import { TenantsService } from './tenants.service.js';

const TENANT_ID = {
  name: 'id',
  schema: BIG_INT_ID,
  example: '2',
} as const;

@ApiTags('tenants')
@RequireRole('operator')
@Controller('api/v1/tenants')
export class TenantsController {
  constructor(private readonly tenants: TenantsService) {}

  /** Its first admin is created by `POST /api/v1/users` with `tenant`. */
  @Post()
  @UseInterceptors(new LocationInterceptor<TenantDto>((tenant) => `/api/v1/tenants/${tenant.id}`))
  @ApiOperation({ summary: 'Create a tenant' })
  @ApiCreatedResponse({
    type: TenantDto,
    description: 'The new tenant',
    headers: { Location: { description: 'Path of the new tenant', schema: { type: 'string' } } },
  })
  @ApiProblems(400, 401, 403, 409, 413, 415, 429, 503)
  createTenant(@Body() tenant: NewTenantDto, @Acting() actor: Actor): Promise<TenantDto> {
    return this.tenants.create(tenant, actor);
  }

  @Get()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'List the tenants' })
  @ApiOkResponse({ type: TenantPageDto, description: 'A page, and where the next one begins' })
  @ApiProblems(400, 401, 403, 429, 503)
  listTenants(@Query() query: ListTenantsQuery): Promise<TenantPageDto> {
    return this.tenants.list(query);
  }

  @Get(':id')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'A tenant' })
  @ApiParam(TENANT_ID)
  @ApiOkResponse({ type: TenantDto, description: 'The tenant' })
  @ApiProblems(400, 401, 403, 404, 429, 503)
  getTenant(@Param('id', BigIntIdPipe) id: string): Promise<TenantDto> {
    return this.tenants.get(id);
  }

  /** A suspended tenant's users, keys and public files are refused from the next request on. */
  @Patch(':id')
  @ApiOperation({ summary: 'Change or suspend a tenant' })
  @ApiParam(TENANT_ID)
  @ApiOkResponse({ type: TenantDto, description: 'The tenant as it is now' })
  @ApiProblems(400, 401, 403, 404, 409, 413, 415, 429, 503)
  changeTenant(
    @Param('id', BigIntIdPipe) id: string,
    @Body() change: ChangeTenantDto,
    @Acting() actor: Actor,
  ): Promise<TenantDto> {
    return this.tenants.change(id, change, actor);
  }
}
