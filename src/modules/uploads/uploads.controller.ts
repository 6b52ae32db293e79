import { Controller, Post, Req, UseInterceptors } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiProblems, LocationInterceptor } from '../../common/http/index.js';
import { CallingUser, RequirePermission, type UserPrincipal } from '../auth/index.js';
import { FileDto, FileRepresentationInterceptor, type StoredFile, VISIBILITIES } from '../file-meta/index.js';
import { UploadFormService } from './form/upload-form.service.js';

@ApiTags('files')
@Controller('api/v1/files')
export class UploadsController {
  constructor(private readonly form: UploadFormService) {}

  /**
   * One file as `multipart/form-data`. Fields come before the file, since it is stored while it arrives. The content
   * is kept once per tenant, whatever it is called and however often it is sent. Admins may name the `volume` that takes it;
   * content that the tenant has already stays where it is.
   */
  @Post()
  @RequirePermission('upload')
  @UseInterceptors(
    FileRepresentationInterceptor,
    new LocationInterceptor<StoredFile>((file) => `/api/v1/files/${file.id}`),
  )
  @ApiOperation({ summary: 'Upload a file' })
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    required: true,
    schema: {
      type: 'object',
      required: ['file'],
      properties: {
        visibility: { type: 'string', enum: [...VISIBILITIES], default: 'private' },
        volume: {
          type: 'string',
          description: 'Name of a volume, for admins; without it, or empty, the default volume',
          // Else Swagger UI sends a sample of its own making.
          default: '',
        },
        file: { type: 'string', format: 'binary' },
      },
    },
  })
  @ApiCreatedResponse({
    type: FileDto,
    description: 'The new file',
    headers: { Location: { description: 'Path of the new file', schema: { type: 'string' } } },
  })
  @ApiProblems(400, 401, 403, 408, 413, 415, 429, 503, 507)
  uploadFile(@Req() request: FastifyRequest, @CallingUser() user: UserPrincipal): Promise<StoredFile> {
    return this.form.receive(request, user);
  }
}
