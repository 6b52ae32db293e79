import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  Post,
  Put,
  Req,
  UseInterceptors,
} from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiProblems, ClientSignal, LocationInterceptor, StreamedBody } from '../../../common/http/index.js';
import { RateLimit } from '../../../common/throttling/index.js';
import { CallingUser, RequirePermission, type UserPrincipal } from '../../auth/index.js';
import { FileDto, FileRepresentationInterceptor, type StoredFile } from '../../file-meta/index.js';
import { PartUrls } from '../direct/part-urls.js';
import { PartUrlsDto, RenewPartsDto } from '../direct/part-urls.dto.js';
import { ProvePossession } from '../instant/prove-possession.js';
import { AbortUpload } from './abort-upload.js';
import { CompletedUploadInterceptor } from './completed-upload.interceptor.js';
import type { CompletedUpload } from './complete-upload.js';
import { Completions } from './completions.js';
import { CreateUpload } from './create-upload.js';
import { UploadView } from './upload-view.js';
import { NewUploadDto, ProofDto, UploadDto, UploadProgressQuery } from './uploads.dto.js';
import { WriteChunk } from './write-chunk.js';

const UPLOAD_ID = { name: 'id', schema: { type: 'string', format: 'uuid' } } as const;

@ApiTags('uploads')
@RequirePermission('upload')
@Controller('api/v1/uploads')
export class UploadSessionsController {
  constructor(
    private readonly creation: CreateUpload,
    private readonly chunks: WriteChunk,
    private readonly completions: Completions,
    private readonly partUrls: PartUrls,
    private readonly proof: ProvePossession,
    private readonly ending: AbortUpload,
    private readonly view: UploadView,
  ) {}

  /**
   * Begins an upload in chunks. Send each chunk to `PUT /uploads/:id/chunks/:index`, in any order and several at once; after an
   * interruption `GET /uploads/:id` says which are there; `POST /uploads/:id/complete` makes the file. With `sha256`, content that you may download
   * already is a `file` at once, and other content of your tenant may be proven (`challenge`) instead of sent.
   */
  @Post()
  @UseInterceptors(new LocationInterceptor<UploadDto>(({ uploadId }) => `/api/v1/uploads/${uploadId}`))
  @ApiOperation({ summary: 'Begin an upload in chunks' })
  @ApiCreatedResponse({
    type: UploadDto,
    description: 'The upload session',
    headers: { Location: { description: 'Path of the session', schema: { type: 'string' } } },
  })
  @ApiProblems(400, 401, 403, 413, 415, 422, 429, 503, 507)
  async createUpload(@Body() upload: NewUploadDto, @CallingUser() user: UserPrincipal): Promise<UploadDto> {
    const protocol = upload.direct === true ? 'direct' : 'chunks';
    return this.view.ofNew(await this.creation.create(upload, protocol, user), user);
  }

  /** Which chunks are there, as `GET /uploads/:id` says. */
  @Post('progress')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Ask how far an upload has come' })
  @ApiOkResponse({ type: UploadDto, description: 'The upload session' })
  @ApiProblems(400, 401, 403, 404, 410, 429, 503)
  getUploadProgress(
    @Body() { uploadId }: UploadProgressQuery,
    @CallingUser() user: UserPrincipal,
  ): Promise<UploadDto> {
    return this.view.get(uploadId, user);
  }

  @Get(':id')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Get an upload' })
  @ApiParam(UPLOAD_ID)
  @ApiOkResponse({ type: UploadDto, description: 'The upload session' })
  @ApiProblems(401, 403, 404, 410, 429, 503)
  getUpload(@Param('id') id: string, @CallingUser() user: UserPrincipal): Promise<UploadDto> {
    return this.view.get(id, user);
  }

  /**
   * The bytes of one chunk, of exactly its length. They are on the disk, or in the store, when the answer comes. Sent again, the same bytes are
   * 204 once more; others are refused. With `Content-Digest` they are compared before the answer.
   */
  @Put(':id/chunks/:index')
  @HttpCode(204)
  @RateLimit('chunk')
  @StreamedBody()
  @ApiOperation({ summary: 'Send a chunk' })
  @ApiParam(UPLOAD_ID)
  @ApiParam({ name: 'index', schema: { type: 'integer', minimum: 0 }, example: 0 })
  @ApiHeader({
    name: 'Content-Digest',
    required: false,
    description: 'RFC 9530: sha-256, sha-512 or crc32c of the chunk',
    schema: { type: 'string' },
  })
  @ApiConsumes('application/octet-stream')
  @ApiBody({ required: true, schema: { type: 'string', format: 'binary' } })
  @ApiNoContentResponse({ description: 'The chunk is there for good' })
  @ApiProblems(400, 401, 403, 404, 408, 409, 410, 411, 422, 429, 503, 507)
  putChunk(
    @Param('id') id: string,
    @Param('index') index: string,
    @Req() request: FastifyRequest,
    @CallingUser() user: UserPrincipal,
  ): Promise<void> {
    return this.chunks.write(id, index, request, user);
  }

  /**
   * Makes the file when all chunks are there and its bytes are what was announced. Answers 201 once, and to every repetition 200 with the
   * same file. Reading the bytes once more may take its time when they came out of order.
   */
  @Post(':id/complete')
  @UseInterceptors(CompletedUploadInterceptor)
  @ApiOperation({ summary: 'Complete an upload' })
  @ApiParam(UPLOAD_ID)
  @ApiCreatedResponse({
    type: FileDto,
    description: 'The new file',
    headers: { Location: { description: 'Path of the new file', schema: { type: 'string' } } },
  })
  @ApiOkResponse({ type: FileDto, description: 'The file, which was there already' })
  @ApiAcceptedResponse({
    type: UploadDto,
    description: 'Of a direct upload: its bytes are being read, `GET /uploads/:id` says when it is done',
  })
  @ApiProblems(401, 403, 404, 409, 410, 422, 429, 503, 507)
  completeUpload(
    @Param('id') id: string,
    @CallingUser() user: UserPrincipal,
    @ClientSignal() client: AbortSignal,
  ): Promise<CompletedUpload | UploadDto> {
    return this.completions.complete(id, user, client);
  }

  /** For a direct upload: URLs for parts whose URLs are not there yet, or have expired. */
  @Post(':id/parts')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Get URLs for the parts of a direct upload' })
  @ApiParam(UPLOAD_ID)
  @ApiOkResponse({ type: PartUrlsDto, description: 'One URL a part, as they were asked for' })
  @ApiProblems(400, 401, 403, 404, 409, 410, 422, 429, 503)
  async renewParts(
    @Param('id') id: string,
    @Body() { indexes }: RenewPartsDto,
    @CallingUser() user: UserPrincipal,
  ): Promise<PartUrlsDto> {
    return { parts: await this.partUrls.renew(id, indexes, user) };
  }

  /**
   * Where the answer of `POST /uploads` has a `challenge`, a proof makes the file without its bytes being sent: one attempt, within a minute. When it is
   * refused, send the chunks.
   */
  @Post(':id/proof')
  @HttpCode(201)
  @UseInterceptors(
    FileRepresentationInterceptor,
    new LocationInterceptor<StoredFile>((file) => `/api/v1/files/${file.id}`),
  )
  @ApiOperation({ summary: 'Prove that one has the content of an upload' })
  @ApiParam(UPLOAD_ID)
  @ApiCreatedResponse({
    type: FileDto,
    description: 'The new file',
    headers: { Location: { description: 'Path of the new file', schema: { type: 'string' } } },
  })
  @ApiProblems(400, 401, 403, 404, 409, 410, 422, 429, 503)
  proveContent(
    @Param('id') id: string,
    @Body() { digest }: ProofDto,
    @CallingUser() user: UserPrincipal,
    @ClientSignal() client: AbortSignal,
  ): Promise<StoredFile> {
    return this.proof.prove(id, digest, user, client);
  }

  /** What has arrived is removed. A file that the upload has become stays. */
  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Give up an upload' })
  @ApiParam(UPLOAD_ID)
  @ApiNoContentResponse({ description: 'It is gone' })
  @ApiProblems(401, 403, 404, 409, 410, 429, 503)
  deleteUpload(
    @Param('id') id: string,
    @CallingUser() user: UserPrincipal,
    @ClientSignal() client: AbortSignal,
  ): Promise<void> {
    return this.ending.abort(id, user, client);
  }
}
