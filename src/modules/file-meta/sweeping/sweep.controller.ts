import { Body, Controller, Header, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems, ClientSignal } from '../../../common/http/index.js';
import { type Actor, Acting, RequireRole } from '../../auth/index.js';
import { SweepDto, SweepRequestDto } from './sweep.dto.js';
import { SweepService } from './sweep.service.js';

@ApiTags('operations')
@Controller('api/v1/storage/sweep')
export class SweepController {
  constructor(private readonly sweeps: SweepService) {}

  /**
   * Removes now what nothing owns any more, on all volumes, as each replica does from time to time; a dry run only counts it. After 20 s it
   * ends with `more`: ask again, or leave the rest to the next sweep. For operators.
   */
  @Post()
  @HttpCode(200)
  @RequireRole('operator')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Sweep the volumes' })
  @ApiOkResponse({ type: SweepDto, description: 'What was found and removed' })
  @ApiProblems(400, 401, 403, 409, 413, 415, 429, 503)
  sweepStorage(
    @Body() { dryRun }: SweepRequestDto,
    @Acting() actor: Actor,
    @ClientSignal() client: AbortSignal,
  ): Promise<SweepDto> {
    return this.sweeps.sweep(dryRun, actor, client);
  }
}
