import { Controller, Get, Header, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../../../common/http/index.js';
import { CallingUser } from '../principals/caller.decorator.js';
import type { UserPrincipal } from '../principals/principal.js';
import { RequireRole } from '../principals/require-permission.js';
import { AuditPageDto, AuditQuery } from './audit.dto.js';
import { AuditService } from './audit.service.js';

@ApiTags('audit')
@Controller('api/v1/audit')
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  /** Logins, refusals and every change of accounts, keys and tenants, newest first. Admins see their tenant, operators all. */
  @Get()
  @RequireRole('admin')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'What happened' })
  @ApiOkResponse({ type: AuditPageDto, description: 'A page, and where the next one begins' })
  @ApiProblems(400, 401, 403, 429, 503)
  listAudit(@Query() query: AuditQuery, @CallingUser() user: UserPrincipal): Promise<AuditPageDto> {
    return this.audit.list(query, user);
  }
}
