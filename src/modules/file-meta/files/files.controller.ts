import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  Patch,
  Query,
  UseInterceptors,
} from '@nestjs/common';
import {
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import {
  ApiProblems,
  BIG_INT_ID,
  BigIntIdPipe,
  type ConditionalHeaders,
  Conditions,
  VaryInterceptor,
} from '../../../common/http/index.js';
import { CallingUser, RequirePermission, type UserPrincipal } from '../../auth/index.js';
import { ChangeFileDto } from './change-file.dto.js';
import { FileDto } from './file.dto.js';
import { FileRepresentationInterceptor } from './file-representation.interceptor.js';
import { FilesService } from './files.service.js';
import { FileListDto, ListFilesQuery } from './list-files.dto.js';
import type { StoredFile } from './stored-file.js';

const FILE_ID = {
  name: 'id',
  schema: BIG_INT_ID,
  example: '42',
} as const;
const TAG = {
  ETag: { description: 'For If-Match of a change', schema: { type: 'string', example: '"42-1"' } },
} as const;

/** Answers are the caller's own: not for a cache that others share. */
const CREDENTIALS_VARY = new VaryInterceptor('Authorization, X-API-Key');

@ApiTags('files')
@Controller('api/v1/files')
export class FilesController {
  constructor(private readonly files: FilesService) {}

  /** Those that the caller may see, neither deleted nor, unless they are to manage, expired. Rows that come or go do not move others. */
  @Get()
  @RequirePermission('files:read')
  @UseInterceptors(CREDENTIALS_VARY)
  @Header('Cache-Control', 'private, no-cache')
  @ApiOperation({ summary: 'List files' })
  @ApiOkResponse({ type: FileListDto, description: 'A page, and where the next one begins' })
  @ApiProblems(400, 401, 429, 503)
  listFiles(@Query() query: ListFilesQuery, @CallingUser() user: UserPrincipal): Promise<FileListDto> {
    return this.files.list(query, user);
  }

  @Get(':id')
  @RequirePermission('files:read')
  @UseInterceptors(CREDENTIALS_VARY, FileRepresentationInterceptor)
  @Header('Cache-Control', 'private, no-cache')
  @ApiOperation({ summary: 'What is known about a file' })
  @ApiParam(FILE_ID)
  @ApiOkResponse({ type: FileDto, description: 'The file', headers: TAG })
  @ApiResponse({ status: 304, description: 'The client has it already' })
  @ApiProblems(400, 401, 404, 410, 429, 503)
  getFile(@Param('id', BigIntIdPipe) id: string, @CallingUser() user: UserPrincipal): Promise<StoredFile> {
    return this.files.get(id, user);
  }

  /** Name, type, visibility, expiry. With If-Match only if nobody has changed it meanwhile. */
  @Patch(':id')
  @RequirePermission('files:write')
  @UseInterceptors(FileRepresentationInterceptor)
  @ApiOperation({ summary: 'Change what is known about a file' })
  @ApiParam(FILE_ID)
  @ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'ETag of the version to change (RFC 9110 §13.1.1)',
  })
  @ApiOkResponse({ type: FileDto, description: 'The file as it is now', headers: TAG })
  @ApiProblems(400, 401, 403, 404, 410, 412, 413, 415, 429, 503)
  changeFile(
    @Param('id', BigIntIdPipe) id: string,
    @Body() change: ChangeFileDto,
    @Conditions() conditions: ConditionalHeaders,
    @CallingUser() user: UserPrincipal,
  ): Promise<StoredFile> {
    return this.files.change(id, change, conditions, user);
  }

  /** The file can no longer be downloaded from the next request on. Those who could see it then get 410, others 404. */
  @Delete(':id')
  @HttpCode(204)
  @RequirePermission('files:write')
  @ApiOperation({ summary: 'Delete a file' })
  @ApiParam(FILE_ID)
  @ApiNoContentResponse({ description: 'Deleted' })
  @ApiProblems(400, 401, 403, 404, 410, 429, 503)
  deleteFile(@Param('id', BigIntIdPipe) id: string, @CallingUser() user: UserPrincipal): Promise<void> {
    return this.files.delete(id, user);
  }
}
