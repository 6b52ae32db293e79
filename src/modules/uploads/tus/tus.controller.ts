import {
  Controller,
  Delete,
  Head,
  HttpCode,
  Param,
  Patch,
  Post,
  Req,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiProblems, ClientSignal, StreamedBody } from '../../../common/http/index.js';
import { RateLimit } from '../../../common/throttling/index.js';
import { CallingUser, RequirePermission, type UserPrincipal } from '../../auth/index.js';
import type { UploadSession } from '../sessions/upload-session.js';
import { TusAnswerInterceptor } from './tus-answer.interceptor.js';
import {
  ApiTusBody,
  ApiTusCreated,
  ApiTusCreation,
  ApiTusOverride,
  ApiTusRequest,
  ApiTusState,
  ApiTusUploadId,
} from './tus.openapi.js';
import { TusUploads } from './tus-uploads.js';
import { TusVersionGuard } from './tus-version.guard.js';

/** https://tus.io/protocols/resumable-upload: for the clients that there are. */
@ApiTags('tus')
@RequirePermission('upload')
@UseGuards(TusVersionGuard)
@Controller('api/v1/tus')
export class TusController {
  constructor(private readonly uploads: TusUploads) {}

  /**
   * Begins an upload by tus 1.0, with its first bytes or without. `Upload-Metadata` may have `filename`, `filetype`, `visibility`, `sha256` (hex, of
   * the whole file) and, for admins, `volume`. When all bytes are there the upload has become a file, which `X-File-Id` names.
   */
  @Post()
  @StreamedBody()
  @UseInterceptors(new TusAnswerInterceptor('created'))
  @ApiOperation({ summary: 'Begin an upload by tus' })
  @ApiTusRequest()
  @ApiTusCreation()
  @ApiTusBody(false)
  @ApiTusCreated()
  @ApiProblems(400, 401, 403, 408, 412, 413, 415, 422, 429, 460, 503, 507)
  createTusUpload(
    @Req() request: FastifyRequest,
    @CallingUser() user: UserPrincipal,
    @ClientSignal() client: AbortSignal,
  ): Promise<UploadSession> {
    return this.uploads.create(request, user, client);
  }

  /** How far it has come: bytes that are there for good. */
  @Head(':id')
  @UseInterceptors(new TusAnswerInterceptor('state'))
  @ApiOperation({ summary: 'Ask how far an upload by tus has come' })
  @ApiTusUploadId()
  @ApiTusRequest()
  @ApiTusState(200, 'The offset from which to go on')
  @ApiProblems(401, 403, 404, 410, 412, 422, 429, 503)
  headTusUpload(
    @Param('id') id: string,
    @CallingUser() user: UserPrincipal,
    @ClientSignal() client: AbortSignal,
  ): Promise<UploadSession> {
    return this.uploads.current(id, user, client);
  }

  /** Bytes from `Upload-Offset` on. What has come in stays when the connection breaks, unless `Upload-Checksum` was sent. */
  @Patch(':id')
  @HttpCode(204)
  @RateLimit('chunk')
  @StreamedBody()
  @UseInterceptors(new TusAnswerInterceptor('offset'))
  @ApiOperation({ summary: 'Send bytes by tus' })
  @ApiTusUploadId()
  @ApiTusRequest()
  @ApiTusBody(true)
  @ApiTusState(204, 'The bytes are there for good')
  @ApiProblems(400, 401, 403, 404, 408, 409, 410, 412, 413, 415, 422, 423, 429, 460, 503, 507)
  patchTusUpload(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @CallingUser() user: UserPrincipal,
    @ClientSignal() client: AbortSignal,
  ): Promise<UploadSession> {
    return this.uploads.append(id, request, user, client);
  }

  /** For clients that can send neither `PATCH` nor `DELETE`. */
  @Post(':id')
  @HttpCode(204)
  @RateLimit('chunk')
  @StreamedBody()
  @UseInterceptors(new TusAnswerInterceptor('state'))
  @ApiOperation({ summary: 'Send another method by tus' })
  @ApiTusUploadId()
  @ApiTusRequest()
  @ApiTusOverride()
  @ApiTusBody(false)
  @ApiTusState(204, 'As the method that is meant')
  @ApiProblems(400, 401, 403, 404, 408, 409, 410, 412, 413, 415, 422, 423, 429, 460, 503, 507)
  overrideTusMethod(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @CallingUser() user: UserPrincipal,
    @ClientSignal() client: AbortSignal,
  ): Promise<UploadSession | undefined> {
    return this.uploads.override(id, request, user, client);
  }

  /** What has arrived is removed. A file that the upload has become stays. */
  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Give up an upload by tus' })
  @ApiTusUploadId()
  @ApiTusRequest()
  @ApiNoContentResponse({ description: 'It is gone' })
  @ApiProblems(401, 403, 404, 409, 410, 412, 429, 503)
  deleteTusUpload(
    @Param('id') id: string,
    @CallingUser() user: UserPrincipal,
    @ClientSignal() client: AbortSignal,
  ): Promise<void> {
    return this.uploads.terminate(id, user, client);
  }
}
