import { Controller, Header, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiProblems, BIG_INT_ID, BigIntIdPipe, ClientSignal } from '../../../common/http/index.js';
import { type Actor, Acting, RequireRole } from '../../auth/index.js';
import { VerificationDto } from './verification.dto.js';
import { VerifyFileService } from './verify-file.service.js';

@ApiTags('files')
@Controller('api/v1/files')
export class VerifyFileController {
  constructor(private readonly files: VerifyFileService) {}

  /**
   * Reads the stored bytes to their end and compares size and SHA-256, which takes as long as reading takes. Each replica does one
   * at a time. What was found is audited; bytes that are not intact are an error in the log.
   */
  @Post(':id/verify')
  @HttpCode(200)
  @RequireRole('admin')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Verify the stored content of a file' })
  @ApiParam({ name: 'id', schema: BIG_INT_ID, example: '42' })
  @ApiOkResponse({ type: VerificationDto, description: 'The verdict' })
  @ApiProblems(400, 401, 403, 404, 410, 429, 503)
  verifyFile(
    @Param('id', BigIntIdPipe) id: string,
    @Acting() actor: Actor,
    @ClientSignal() client: AbortSignal,
  ): Promise<VerificationDto> {
    return this.files.verify(id, actor, client);
  }
}
