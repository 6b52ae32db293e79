import { Controller, Get } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiParam, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ApiProblems, BIG_INT_ID } from '../../common/http/index.js';
import { Direct } from '../../common/http/direct-routes.js';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RequirePermission } from '../auth/index.js';
import { sendDelivery } from '../storage/index.js';
import { downloadRequest } from './download-request.js';
import { BINARY, DOWNLOAD_HEADERS } from './downloads.openapi.js';
import { DownloadsService } from './downloads.service.js';

@ApiTags('downloads')
@Controller('download')
export class DownloadsController {
  constructor(private readonly downloads: DownloadsService) {}

  /**
   * The bytes of a file, resumable by Range, by a JWT, an API key or a download token; a public file needs none. HEAD answers with the
   * same headers, and spends nothing. Clients that keep cookies are known by one when they resume.
   */
  @Get(':fileId')
  @Direct()
  @RequirePermission('download')
  @ApiOperation({ summary: 'Download a file' })
  @ApiParam({ name: 'fileId', schema: BIG_INT_ID, example: '42' })
  @ApiQuery({
    name: 'token',
    required: false,
    description: 'A download token of `POST /api/v1/files/{id}/tokens`, instead of other credentials',
    schema: { type: 'string', pattern: '^dlt_[A-Za-z0-9_-]{43}$' },
  })
  @ApiHeader({
    name: 'Range',
    required: false,
    description: 'A part of it, such as `bytes=0-1023` (RFC 9110 §14.2)',
  })
  @ApiHeader({
    name: 'If-Range',
    required: false,
    description: 'Range only if the file is still this one (§13.1.5)',
  })
  @ApiHeader({
    name: 'If-None-Match',
    required: false,
    description: '304 if the client has it already (§13.1.2)',
  })
  @ApiResponse({ status: 200, description: 'The whole file', headers: DOWNLOAD_HEADERS, content: BINARY })
  @ApiResponse({
    status: 206,
    description: 'The ranges asked for',
    headers: DOWNLOAD_HEADERS,
    content: BINARY,
  })
  @ApiResponse({
    status: 302,
    description: 'The bytes are at a presigned URL of the object store, for a few minutes',
    headers: { Location: { description: 'Presigned URL', schema: { type: 'string' } } },
  })
  @ApiResponse({ status: 304, description: 'The client has it already' })
  @ApiProblems(400, 401, 403, 404, 410, 412, 416, 422, 429, 502, 503)
  async downloadFile(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { delivery, headers } = await this.downloads.open(downloadRequest(request, reply));
    void reply.headers(headers);
    await sendDelivery(delivery, request, reply);
  }
}
