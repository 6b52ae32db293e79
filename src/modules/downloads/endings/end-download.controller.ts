import { Controller, Delete, Header, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../../../common/http/index.js';
import { type Actor, Acting, RequireRole } from '../../auth/index.js';
import { DownloadIdPipe } from './download-id.pipe.js';
import { EndDownload } from './end-download.js';
import { EndedDownloadDto } from './ended-download.dto.js';

@ApiTags('downloads')
@Controller('api/v1/downloads')
export class EndDownloadController {
  constructor(private readonly ending: EndDownload) {}

  /**
   * Cuts what the application is sending of it, on whichever replica, and nobody resumes it any more. Rights are taken back by other means:
   * who still may download the file can begin again. For admins, of the downloads of their tenant's files; operators, of all.
   */
  @Delete(':id')
  @RequireRole('admin')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'End a download that is running' })
  @ApiParam({
    name: 'id',
    description: '`X-Download-Id` of its answers, `downloadId` in the log of nginx',
    schema: { type: 'string', pattern: '^\\d{2}[A-Za-z0-9_-]{22}$' },
    example: '07n4bQgYhMfWWaL1qgxVrQFa',
  })
  @ApiOkResponse({ type: EndedDownloadDto, description: 'What was cut, and what goes on' })
  @ApiProblems(400, 401, 403, 404, 429, 503)
  endDownload(@Param('id', DownloadIdPipe) id: string, @Acting() actor: Actor): Promise<EndedDownloadDto> {
    return this.ending.end(id, actor);
  }
}
